// "May this user follow this board, and from where?": asked for all streams of this node that want to know at a time.

import { FairLookup } from '../../background/fair-lookup.ts';
import type { Membership } from '../membership-end.ts';

/** All of it as of one snapshot of the database. */
export interface BoardPlace {
  epoch: string;
  isMember: boolean;
  head: number;
  trimmedTo: number;
  /** Of the board; null of one that does not exist. */
  number: number | null;
}

/** @returns the answers, in the order of the questions. @throws the error of the database when it is away */
export type ReadPlaces = (questions: Array<{ userId: string; boardId: string }>) => Promise<BoardPlace[]>;

/** A question of so many takes PostgreSQL 0.14 s, for which everybody else who opens a stream waits. */
const MOST_AT_ONCE = 2000;

export class Places {
  readonly #lookup: FairLookup<BoardPlace>;

  constructor(read: ReadPlaces) {
    this.#lookup = new FairLookup(
      (questions) => read(questions.map(([userId, boardId]) => ({ userId, boardId }))),
      MOST_AT_ONCE,
    );
  }

  /** As it is after this call. @throws the error of the database when it is away */
  of(userId: string, boardId: string): Promise<BoardPlace> {
    return this.#lookup.ask(userId, boardId);
  }

  /** @returns undefined when the user is no member. @throws the error of the database when it is away */
  async membershipOf(userId: string, boardId: string): Promise<Membership | undefined> {
    const { isMember, head, epoch, number } = await this.of(userId, boardId);
    return isMember ? { seq: head, epoch, number } : undefined;
  }
}
