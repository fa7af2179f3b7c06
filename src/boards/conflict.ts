// What a client is told whose write was for a version that is no more: enough to merge and try again.

import { isDeepStrictEqual } from 'node:util';
import { type Static, Type } from 'typebox';
import { problemExample } from '../http/openapi/problem-responses.ts';
import { oneOf, ProblemBody, Timestamp, Uuid } from '../http/schemas.ts';
import { type InputFault, Problem, problems } from '../problems/problem.ts';
import { type Board, type BoardPatch, boardExample, type Item, type ItemPatch, itemExample } from './board.ts';

const FieldChange = Type.Object({
  field: Type.String({ description: 'Of the item or board.' }),
  actor: Type.Union([Type.Object({ id: Uuid, name: Type.String() }), Type.Null()], {
    description: 'Who changed it last; null for a writer that is no user.',
  }),
  at: Timestamp,
});
export type FieldChange = Static<typeof FieldChange>;

const conflicts = Type.Array(FieldChange, {
  description:
    'For a change: the fields of the request that now have another value than in `base` and than in the request; ' +
    'inside `data`, only what the request names counts. For a deletion: the fields that changed since `base`. ' +
    'Without `base`, those of which the log still holds a change.',
});
const base = 'As of the version that the request named (the newest, if several); null when the log has lost it.';

const problem = {
  ...ProblemBody.properties,
  status: Type.Literal(problems.TB_CONFLICT.status),
  code: oneOf(['TB_CONFLICT']),
};

export const Conflict = Type.Object(
  {
    ...problem,
    current: Type.Ref('Item'),
    base: Type.Union([Type.Ref('Item'), Type.Null()], { description: base }),
    conflicts,
  },
  { $id: 'Conflict', description: 'A problem (RFC 9457) with what a client needs to merge.' },
);

export const BoardConflict = Type.Object(
  {
    ...problem,
    current: Type.Ref('Board'),
    base: Type.Union([Type.Ref('Board'), Type.Null()], { description: base }),
    conflicts,
  },
  {
    $id: 'BoardConflict',
    description:
      'The same for a board. Where the request named a snapshot, and only items or members have changed since, `current` ' +
      'and `base` are equal: send it for the version of `current`, if they do not matter.',
  },
);

const ada = { id: itemExample.updatedBy, name: 'Ada' };

/** @param now the fields that somebody else has changed since `before` */
function exampleOf<Resource extends Item | Board>(before: Resource, now: Partial<Resource>) {
  const at = '2026-05-04T09:30:00.000Z';
  const current = { ...before, ...now, version: before.version + 1, updatedAt: at };
  const conflicts = Object.keys(now).map((field) => ({ field, actor: ada, at }));
  return { TB_CONFLICT: { value: { ...problemExample('TB_CONFLICT'), current, base: before, conflicts } } };
}

/** 412, for the `response` schema of a route. */
export const conflictResponse = {
  412: {
    description: 'The item has another version now. Nothing was written.',
    content: {
      'application/problem+json': {
        schema: Type.Ref('Conflict'),
        examples: exampleOf(itemExample, { text: 'Milk and bread' }),
      },
    },
  },
};

/** The same for a route of a board. */
export const boardConflictResponse = {
  412: {
    description: 'The board has another version, or more has changed since that snapshot. Nothing was written.',
    content: {
      'application/problem+json': {
        schema: Type.Ref('BoardConflict'),
        examples: exampleOf(boardExample, { name: 'Plans for May' }),
      },
    },
  },
};

export interface Known<Value> {
  value: Value;
  /** As the database writes it, which is how events and snapshots show it. */
  json: string;
}

/** What has happened to an item or a board since a version of it. */
export interface History<Resource extends Item | Board = Item | Board> {
  current: Known<Resource>;
  base: Known<Resource | null>;
  /** The last change of each field since then, as far as the log goes back. */
  changes: FieldChange[];
}

/** @param patch undefined for a deletion @param errors say which operation of a batch it was */
export function conflictOf(
  history: History,
  patch: ItemPatch | BoardPatch | undefined,
  errors?: InputFault[],
): Problem {
  const { current, base } = history;
  return new Problem('TB_CONFLICT', 'See what changed, merge it with yours, and send it for the current version.', {
    ...(errors && { errors }),
    extensions: { conflicts: findConflicts(history, patch) },
    texts: { current: current.json, base: base.json },
  });
}

/** Stands for what nobody knows any more, and equals nothing. */
const lost = Symbol('lost');

function findConflicts({ current, base, changes }: History, patch: ItemPatch | BoardPatch | undefined): FieldChange[] {
  return changes.filter(({ field }) => {
    const [before, now] = [base.value ? member(base.value, field) : lost, member(current.value, field)];
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
