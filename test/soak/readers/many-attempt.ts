// What a request for many boards says of one of them, and must be answered by.

import { parseVector } from '../../../src/events/cursor-vector.ts';
import type { Random } from '../random.ts';
import type { Epochs } from '../rules/epochs.ts';
import type { StreamRules } from '../rules/stream-rules.ts';
import type { Attempt } from './attempt.ts';
import { drawLie } from './lies.ts';

/** A cursor of all, and what it must say of each. */
export interface Vector {
  id: string;
  /** The place of a board; undefined: lost, which is reset. */
  places: ReadonlyMap<string, string | undefined>;
  /** It was given while the history of the database changed, in which boards have numbers that nobody knows yet. */
  isUnsettled: boolean;
}

export interface Asked {
  rules: StreamRules;
  /** With which the request comes. */
  vector: Vector | undefined;
  isLying: boolean;
  /** Where somebody else has ended on the board, to begin after it. */
  start: string | undefined;
  /** The histories of the database. */
  epochs: Pick<Epochs, 'current' | 'isUnsettled'>;
}

/** @returns the attempt; `at` is what stands behind the board's id */
export function attemptOf(
  { rules, vector, isLying, start, epochs }: Asked,
  random: Random,
  borrowCursor: (boardId: string) => string | undefined,
): Omit<Attempt, 'wantsSnapshot'> & { at?: string | undefined } {
  const isUnsettled = vector?.isUnsettled ?? false;
  if (vector?.places.has(rules.boardId)) {
    const place = vector.places.get(rules.boardId);
    // The cursor of all wins.
    const at = random.chance(0.2) ? (rules.cursor ?? borrowCursor(rules.boardId)) : undefined;
    if (place === undefined) return { cursor: rules.cursor ?? vector.id, isLost: true, at };
    return { cursor: place, isLost: isUnsettled, isOfMany: true, at };
  }
  const losesNew = vector !== undefined && losesOthers(vector, epochs.current);
  const isLost = isUnsettled || losesNew;
  if (isLying && random.chance(0.5)) {
    const lie = drawLie(random, rules.epoch, borrowCursor(rules.boardId));
    return { cursor: lie.cursor, lie, isLost, at: lie.cursor };
  }
  const at = random.chance(0.7) ? (rules.cursor ?? start) : undefined;
  // Soon after a promotion a node may not know it yet.
  return { cursor: at, isLost, isReset: losesNew && !epochs.isUnsettled, at };
}

/**
 * A board that is new in the list may be one that the cursor has lost: the server cannot tell them apart where the cursor
 * lacks boards whose numbers nobody knew, or is of another history, in which its numbers mean other boards.
 */
function losesOthers({ id }: Vector, epoch: string): boolean {
  const parsed = parseVector(id);
  return parsed === undefined || parsed.isRestLost || parsed.epoch !== epoch;
}
