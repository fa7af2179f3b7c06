// What a client is told whose write was for a version that is no more: enough to merge and try again.

import { isDeepStrictEqual } from 'node:util';
import { type Static, Type } from 'typebox';
import { type InputFault, Problem } from '../errors.ts';
import { ProblemBody, Timestamp, Uuid } from '../http/schemas.ts';
import type { Item, ItemPatch } from './board.ts';

const FieldChange = Type.Object({
  field: Type.String({ description: 'Of the item.' }),
  actor: Type.Union([Type.Object({ id: Uuid, name: Type.String() }), Type.Null()], {
    description: 'Who changed it last; null for a writer that is no user.',
  }),
  at: Timestamp,
});
export type FieldChange = Static<typeof FieldChange>;

export const Conflict = Type.Object(
  {
    ...ProblemBody.properties,
    current: Type.Ref('Item'),
    base: Type.Union([Type.Ref('Item'), Type.Null()], {
      description: 'As of the version that the request named (the newest, if several); null when the log has lost it.',
    }),
    conflicts: Type.Array(FieldChange, {
      description:
        'For a change: the fields of the request that now have another value than in `base` and than in the request; ' +
        'inside `data`, only what the request names counts. For a deletion: the fields that changed since `base`. ' +
        'Without `base`, those of which the log still holds a change.',
    }),
  },
  { $id: 'Conflict', description: 'A problem (RFC 9457) with what a client needs to merge.' },
);

/** 412, for the `response` schema of a route. */
export const conflictResponse = {
  412: {
    description: 'The item has another version now. Nothing was written.',
    content: { 'application/problem+json': { schema: Type.Ref('Conflict') } },
  },
};

export interface KnownItem<Value> {
  item: Value;
  /** As the database writes it, which is how events and snapshots show it. */
  json: string;
}

/** What has happened to an item since a version of it. */
export interface ItemHistory {
  current: KnownItem<Item>;
  base: KnownItem<Item | null>;
  /** The last change of each field since then, as far as the log goes back. */
  changes: FieldChange[];
}

/** @param patch undefined for a deletion @param errors say which operation of a batch it was */
export function conflictOf(history: ItemHistory, patch: ItemPatch | undefined, errors?: InputFault[]): Problem {
  const { current, base } = history;
  return new Problem('TB_CONFLICT', 'See what changed, merge it with yours, and send it for the current version.', {
    ...(errors && { errors }),
    extensions: { conflicts: findConflicts(history, patch) },
    texts: { current: current.json, base: base.json },
  });
}

/** Stands for what nobody knows any more, and equals nothing. */
const lost = Symbol('lost');

function findConflicts({ current, base, changes }: ItemHistory, patch: ItemPatch | undefined): FieldChange[] {
  return changes.filter(({ field }) => {
    const [before, now] = [base.item ? member(base.item, field) : lost, member(current.item, field)];
    if (!patch) return !isDeepStrictEqual(before, now);
    return Object.hasOwn(patch, field) && clashes(before, now, member(patch, field));
  });
}

/** Whether a merge patch and somebody else, who has made `now` of `before`, set one place to different values. */
function clashes(before: unknown, now: unknown, patch: unknown): boolean {
  if (isObject(patch) && isObject(now)) {
    return Object.entries(patch).some(([name, value]) => {
      const known = before === lost ? lost : member(before, name);
      return clashes(known, member(now, name), value);
    });
  }
  const wanted = patch === null ? undefined : patch;
  return !isDeepStrictEqual(now, before) && !isDeepStrictEqual(now, wanted);
}

function member(value: unknown, name: string): unknown {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
