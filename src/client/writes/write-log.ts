// What becomes of the log of unconfirmed writes: plain functions, (log, what happened) → log.

import { compose, type Json, merge } from '../merge-patch.ts';
import type { BoardEvent, Item } from '../types.ts';
import { isAsExpected } from './expect.ts';
import type { Fields, Problem } from './offered.ts';
import { isUndecided, isUnsent, type Operation, type Result, type Write, type WriteLog } from './write.ts';

/**
 * Puts a write behind the others; or into the one before it, where both are unsent changes of one item.
 *
 * @returns with the key of the write that does it now
 */
export function add(log: WriteLog, write: Write): { log: WriteLog; key: string } {
  const last = log.findLast((other) => sharesItem(other, write));
  const joined = last && join(last, write);
  if (!joined) return { log: [...log, write], key: write.key };
  return { log: log.map((other) => (other === last ? joined : other)), key: joined.key };
}

function sharesItem(one: Write, other: Write): boolean {
  const ids = new Set(other.operations.map(({ id }) => id));
  return one.boardId === other.boardId && one.operations.some(({ id }) => ids.has(id));
}

function join(before: Write, after: Write): Write | undefined {
  const [[one, oneMore], [other, otherMore]] = [before.operations, after.operations];
  if (before.status !== 'waiting' || before.isCrossed || !one?.item || oneMore || other?.op !== 'update' || otherMore)
    return undefined;
  if (one.ifMatch !== other.ifMatch || one.expect || other.expect) return undefined;
  const item = one.op === 'create' ? merge(one.item, other.item) : compose(one.item as Json, other.item as Json);
  return item === undefined ? undefined : { ...before, operations: [{ ...one, item: item as Fields }] };
}

/** @returns those that may be sent now: each behind the older ones of its items, the others beside it */
export function sendable(log: WriteLog): Write[] {
  /** Whether the log has yet to show what was done, or it is not even known to be done. */
  const before = new Map<string, 'done' | 'unsent'>();
  const unsent = new Set<string>();
  return log.filter((write) => {
    if (isUndecided(write)) return false;
    const places = write.operations.map(({ id }) => `${write.boardId} ${id}`);
    // The version that a condition names moves with the own writes before it, when the log shows them.
    const isStrict = write.operations.some(({ ifMatch }) => ifMatch !== undefined);
    const isHeld = places.some((place) => (isStrict ? before.has(place) : before.get(place) === 'unsent'));
    const state = isUnsent(write) ? 'unsent' : 'done';
    for (const place of places) if (before.get(place) !== 'unsent') before.set(place, state);
    if (state === 'done') return false;
    unsent.add(write.key);
    return !isHeld && !write.operations.some(({ needs = [] }) => needs.some((key = '') => unsent.has(key)));
  });
}

export function markSent(log: WriteLog, key: string, now: number): WriteLog {
  return change(log, key, (write) => ({
    sentAt: now,
    ...write,
    status: 'sent',
    isRepeat: write.status === 'sent' || write.isCrossed === true,
  }));
}

/**
 * The log may never show it by an event, where a snapshot comes first. So what waits for the version before it goes on from
 * the one that it has made; where it may have changed nothing, that must not be the version of somebody else.
 *
 * @param results in the order of the operations
 * @param user who writes
 */
export function markDone(log: WriteLog, key: string, results: readonly Result[], user: string): WriteLog {
  const write = log.find((other) => other.key === key);
  if (!write) return log;
  const versions = Object.fromEntries(results.map(({ id, item }) => [id, item?.version ?? 0]));
  const done = change(log, key, () => ({ ...write, status: 'done', versions }));
  return results.reduce(
    (next, { id, item }, index) =>
      item && (write.operations[index]?.ifMatch !== undefined || item.updatedBy === user)
        ? advance(next, write.boardId, id, item.version)
        : next,
    done,
  );
}

/** What is refused takes with it what has no sense without it. */
export function markRefused(log: WriteLog, key: string, problem: Problem): WriteLog {
  const refused = new Set<string>();
  return log.map((write) => {
    let next = write;
    if (write.key === key) next = refuse(write, problem);
    else if (isUnsent(write)) next = refuseParts(write, refused, problem);
    if (isUnsent(write) && !isUnsent(next)) refused.add(write.key);
    return next;
  });
}

function refuseParts(write: Write, refused: ReadonlySet<string>, problem: Problem): Write {
  const isLost = (key: string | undefined) => refused.has(key ?? '');
  if (!write.operations.some(({ needs = [] }) => needs.some(isLost))) return write;
  const operations = write.operations.flatMap((one) => {
    const needs = one.needs?.filter((key) => !isLost(key));
    return needs?.length === 0 ? [] : [{ ...one, ...(needs && { needs }) }];
  });
  // What may have been sent is changed no more.
  if (operations.length > 0 && !write.isCrossed) return { ...write, operations };
  return { ...write, status: write.isCrossed ? 'unknown' : 'refused', problem };
}

/** A condition that only newer changes of other fields have broken is made for the newer version. */
function refuse(write: Write, problem: Problem): Write {
  const { current } = problem;
  // Nobody is told what became of the first attempt: who may not see the board any more, or comes with another body.
  if (write.isRepeat && (problem.status === 404 || problem.status === 422))
    return { ...write, status: 'unknown', problem };
  if (problem.status !== 412 || !current) return { ...write, status: 'refused', problem };
  const stale = write.operations.find(({ id }) => id === current.id);
  if (!stale || !isAsExpected(current, stale)) return { ...write, status: 'conflict', problem };
  const operations = write.operations.map((one) => (one === stale ? { ...one, ifMatch: current.version } : one));
  return { ...write, status: 'waiting', operations };
}

/** It is too old to be repeated. */
export function markExpired(log: WriteLog, key: string): WriteLog {
  const problem = { status: 0, detail: 'It may have been done.' };
  return change(markRefused(log, key, problem), key, (write) => ({ ...write, status: 'unknown' }));
}

export function remove(log: WriteLog, key: string): WriteLog {
  return change(log, key, () => undefined);
}

/**
 * What another tab has left, put where it belongs. A snapshot may have shown it already, and where the storage failed at the
 * end, also what seems to be unsent was sent.
 */
export function adopt(log: WriteLog, left: WriteLog): WriteLog {
  const adopted = left.map((write) => ({ ...write, isCrossed: true }));
  return [...adopted, ...log].sort((one, other) => one.at - other.at);
}

/** An event of the board was applied. */
export function applyEvent(log: WriteLog, { boardId, resource, id, mutationId, object }: BoardEvent): WriteLog {
  if (resource !== 'item' || !log.some((write) => write.key === mutationId)) return log;
  const { version } = object as Item;
  const isShown = (write: Write) => write.key === mutationId && write.operations.some((one) => one.id === id);
  const seen = log.flatMap((write) => (isShown(write) ? see(write, [id]) : [write]));
  return advance(seen, boardId, id, version);
}

/** What was made for the version before our own change is meant for the one after it. */
function advance(log: WriteLog, boardId: string, id: string, version: number): WriteLog {
  const isMeant = (one: Operation) => one.id === id && one.ifMatch === version - 1;
  return log.map((write) => {
    // One that the log has shown in part was sent: by another tab, which could not keep that.
    const isLater = write.boardId === boardId && write.status === 'waiting' && !write.seen;
    if (!isLater || !write.operations.some(isMeant)) return write;
    return { ...write, operations: write.operations.map((one) => (isMeant(one) ? { ...one, ifMatch: version } : one)) };
  });
}

/**
 * A snapshot of the board was applied, or there will be no more of it. What was done before stands in it, or comes as an
 * event: which of the two nobody can say.
 */
export function applySnapshot(log: WriteLog, boardId: string): WriteLog {
  return log.flatMap((write) => {
    if (write.boardId !== boardId || isUndecided(write)) return [write];
    if (write.status === 'done') return [];
    return write.status === 'sent' ? [{ ...write, isCrossed: true }] : [write];
  });
}

/** Ends what is done and stands in the board's log, also without an event: an update that changes nothing has none. */
export function endReached(log: WriteLog, boardId: string, confirmed: ReadonlyMap<string, Item>): WriteLog {
  if (!log.some((write) => write.status === 'done' && write.boardId === boardId)) return log;
  /** Items that an older write has yet to make what this one found. */
  const open = new Set<string>();
  return log.flatMap((write) => {
    if (write.boardId !== boardId || isUndecided(write)) return [write];
    const unseen = unseenOf(write);
    const reached =
      write.status !== 'done' ? [] : unseen.filter((one) => !open.has(one.id) && isReached(write, one, confirmed));
    for (const one of unseen) if (!reached.includes(one)) open.add(one.id);
    return reached.length > 0
      ? see(
          write,
          reached.map(({ id }) => id),
        )
      : [write];
  });
}

function isReached(
  { versions, isCrossed }: Write,
  { op, id }: Operation,
  confirmed: ReadonlyMap<string, Item>,
): boolean {
  const item = confirmed.get(id);
  if (op === 'update') return !item || item.version >= (versions?.[id] ?? 0);
  // An item that others have deleted before the snapshot will never come, and must not be shown for ever.
  return op === 'create' ? isCrossed === true || item !== undefined : !item;
}

function see(write: Write, ids: string[]): Write[] {
  const seen = [...(write.seen ?? []), ...ids];
  return write.operations.every(({ id }) => seen.includes(id)) ? [] : [{ ...write, seen }];
}

export function unseenOf({ operations, seen = [] }: Write): readonly Operation[] {
  return seen.length === 0 ? operations : operations.filter(({ id }) => !seen.includes(id));
}

function change(log: WriteLog, key: string, by: (write: Write) => Write | undefined): WriteLog {
  return log.flatMap((write) => (write.key === key ? (by(write) ?? []) : [write]));
}
