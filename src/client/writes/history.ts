// Undo and redo of the page's own writes. A step is what takes one back, as new writes.

import { compose, fitting, invert, isSame, type Json, lacking, merge, replace } from '../merge-patch.ts';
import type { Item } from '../types.ts';
import { differing } from './expect.ts';
import type { Fields, Skipped } from './offered.ts';
import { defaults } from './view.ts';
import type { Operation } from './write.ts';

const MAX_STEPS = 100;
/** What is more of one gesture is a step of its own. */
export const MAX_OPERATIONS = 5000;

/** What takes back one write of the page. */
export interface Part {
  /** Of the write; undefined when it is done: then it cannot be refused any more. */
  readonly key: string | undefined;
  readonly operations: readonly Operation[];
}

/** What is taken back at once. */
export interface Step {
  readonly gesture?: string | undefined;
  /** In the order of the writes. */
  readonly parts: readonly Part[];
}

export interface History {
  readonly undo: readonly Step[];
  readonly redo: readonly Step[];
}

export type Direction = keyof History;

export const noHistory: History = { undo: [], redo: [] };

/**
 * @param view before the operations
 * @returns what takes them back; what is not in the view cannot be taken back
 */
export function stepOf(
  operations: readonly Operation[],
  view: ReadonlyMap<string, Item>,
  key: string,
  gesture?: string,
): Step {
  const back = operations.flatMap(({ op, id, item = {} }): Operation[] => {
    const before = view.get(id);
    if (op === 'create') return [{ op: 'delete', id, expect: { ...defaults, ...item } }];
    if (!before) return [];
    if (op === 'update') return [{ op, id, item: invert(before, item as Json), expect: item }];
    const { text, x, y, color, rank, data } = before;
    // One that the server has not put anywhere yet has no rank to come back to.
    return [{ op: 'create', id, item: { text, x, y, color, data, ...(before.version > 0 && { rank }) } }];
  });
  return { gesture, parts: back.length > 0 ? [{ key, operations: back }] : [] };
}

/** A write of the page was made: it can be undone, and what was undone before cannot be redone any more. */
export function record({ undo }: History, { gesture, parts }: Step): History {
  return { undo: parts.reduce((all, part) => append(all, part, gesture), undo), redo: [] };
}

/** Puts a part into the newest step, where that is of the same gesture, or behind it. */
function append(steps: readonly Step[], part: Part, gesture: string | undefined): readonly Step[] {
  const { parts = [], gesture: newest } = steps.at(-1) ?? {};
  if (gesture === undefined || gesture !== newest || !fits(parts, part))
    return [...steps, { gesture, parts: [part] }].slice(-MAX_STEPS);
  const before = parts.at(-1) as Part;
  // What has the same outcome need not be known apart: a long gesture has as many parts as are under way.
  const both = before.key === part.key && join([before, part]);
  const joined = both ? [...parts.slice(0, -1), { ...part, operations: both }] : [...parts, part];
  return [...steps.slice(0, -1), { gesture, parts: joined }];
}

/** @returns whether one step can hold the part, too. What it does not touch is only counted: a gesture may be long */
function fits(parts: readonly Part[], part: Part): boolean {
  const ids = new Set(part.operations.map(({ id }) => id));
  const touched = parts.map((one) => ({ ...one, operations: one.operations.filter(({ id }) => ids.has(id)) }));
  for (const { operations } of parts) for (const { id } of operations) ids.add(id);
  return ids.size <= MAX_OPERATIONS && join([...touched, part]) !== undefined;
}

/** @returns what takes back the last part first; undefined where no operation does that to an item */
function join(parts: readonly Part[]): Operation[] | undefined {
  const operations = new Map<string, Operation>();
  for (const one of parts.flatMap((part) => part.operations)) {
    const before = operations.get(one.id);
    const both = before ? joinBacks(before, one) : one;
    if (!both) return undefined;
    operations.set(one.id, both);
  }
  return [...operations.values()];
}

/** @returns what takes back first the later change and then the earlier one */
function joinBacks(earlier: Operation, later: Operation): Operation | undefined {
  if (later.op !== 'update') return undefined;
  // What the later change found must be what the earlier one made: else somebody else has changed it in between.
  const [made, found] = [earlier.expect as Json, later.item as Json];
  if (!isSame(compose(made, found), compose(found, made))) return undefined;
  if (earlier.op === 'delete') return { ...earlier, expect: merge(earlier.expect, later.expect) as Fields };
  const item = compose(later.item as Json, earlier.item as Json);
  const expect = earlier.expect && compose(earlier.expect as Json, later.expect as Json);
  return item && expect ? { ...earlier, item: item as Fields, expect: expect as Fields } : undefined;
}

/** The step that was taken, and what takes itself back goes to the other side. */
export function turn(history: History, from: Direction, back: Step): History {
  const to = from === 'undo' ? 'redo' : 'undo';
  const rest = { ...history, [from]: history[from].slice(0, -1) };
  return back.parts.length === 0 ? rest : { ...rest, [to]: [...rest[to], back].slice(-MAX_STEPS) };
}

/**
 * A write has an outcome. Of one that was not done there is nothing to take back, and what later ones found is what it
 * had found: nothing restores what was refused.
 */
export function settle(history: History, key: string, isDone: boolean): History {
  const over = (steps: readonly Step[]) => {
    let gone: Operation[] = [];
    let settled: readonly Step[] = [];
    for (const { gesture, parts } of steps) {
      for (const part of parts) {
        const operations = part.operations.map((one) => gone.reduce(rebase, one));
        // Whoever comes after this one has found what it has made.
        gone = gone.map((one) => operations.reduce(shrink, one));
        const isMeant = part.key === key;
        if (isMeant && !isDone) gone.push(...operations.filter(({ op }) => op === 'update'));
        else settled = append(settled, { key: isMeant ? undefined : part.key, operations }, gesture);
      }
    }
    return settled;
  };
  return { undo: over(history.undo), redo: over(history.redo) };
}

/** @param gone takes back what was not done: what it had made cannot have been found */
function rebase(one: Operation, { id, item, expect }: Operation): Operation {
  if (one.id !== id || !one.item) return one;
  const [found, made, before] = [one.item, expect, item] as unknown as [Json, Json, Json];
  const really = one.op === 'create' ? merge(found, fitting(found, made, before).patch) : replace(found, made, before);
  return { ...one, item: really as Fields };
}

function shrink(gone: Operation, { id, item }: Operation): Operation {
  if (id !== gone.id || !item) return gone;
  const [before, made] = [gone.item, gone.expect].map((one) => lacking(one as Json, item as Json));
  return { ...gone, item: before as Fields, expect: made as Fields };
}

/** Items came back under other ids: the board's log remembers the old ones. @param ids the new ones, by the old */
export function rename(history: History, ids: ReadonlyMap<string, string>): History {
  if (ids.size === 0) return history;
  const renamed = (steps: readonly Step[]) =>
    steps.map(({ gesture, parts }) => ({
      gesture,
      parts: parts.map(({ key, operations }) => ({
        key,
        operations: operations.map((one) => ({ ...one, id: ids.get(one.id) ?? one.id })),
      })),
    }));
  return { undo: renamed(history.undo), redo: renamed(history.redo) };
}

/** @returns the operations that can be done, and what others have changed since */
export function plan(
  { parts }: Step,
  view: ReadonlyMap<string, Item>,
): { operations: Operation[]; skipped: Skipped[] } {
  const skipped: Skipped[] = [];
  const done = (join(parts) ?? []).flatMap((one): Operation[] => {
    const { op, id, item = {}, expect = {} } = one;
    if (op === 'create') return [one];
    const now = view.get(id);
    if (!now) {
      skipped.push({ id, fields: [], isGone: true });
      return [];
    }
    const { patch, others } =
      op === 'delete' ? { patch: {}, others: differing(now, expect) } : fitting(now, expect, item as Json);
    if (others.length > 0) skipped.push({ id, fields: others, isGone: false });
    if (op === 'delete') return others.length > 0 ? [] : [{ ...one, ifMatch: now.version }];
    if (Object.keys(patch).length === 0) return [];
    return [{ op, id, item: patch as Fields, expect: invert(now, patch) as Fields, ifMatch: now.version }];
  });
  // An item whose deletion is refused must not come back beside itself.
  const needs = new Map<string, Array<string | undefined>>();
  for (const { key, operations } of parts) {
    for (const { id } of operations) needs.set(id, [...(needs.get(id) ?? []), key]);
  }
  return { operations: done.map((one) => ({ ...one, needs: needs.get(one.id) ?? [] })), skipped };
}
