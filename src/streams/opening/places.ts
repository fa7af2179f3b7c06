// "May this user follow this board, and from where?": asked for all streams of this node that want to know at a time.

import type { Reader } from '../../access/claims.ts';
import { FairLookup } from '../../background/fair-lookup.ts';
import type { Membership } from '../membership-end.ts';

/** All of it as of one snapshot of the database. */
export interface BoardPlace {
  epoch: string;
  /** As a member or by claims. */
  maySee: boolean;
  isClaimed: boolean;
  head: number;
  trimmedTo: number;
  /** Of the board; null of one that does not exist. */
  number: number | null;
}

export interface PlaceQuestion {
  reader: Reader;
  boardId: string;
}

/** @returns the answers, in the order of the questions. @throws the error of the database when it is away */
export type ReadPlaces = (questions: PlaceQuestion[]) => Promise<BoardPlace[]>;

/** A question of so many takes PostgreSQL 0.14 s, for which everybody else who opens a stream waits. */
const MOST_AT_ONCE = 2000;

export class Places {
  readonly #lookup: FairLookup<PlaceQuestion, BoardPlace>;

  constructor(read: ReadPlaces) {
    this.#lookup = new FairLookup(read, MOST_AT_ONCE);
  }

  /** As it is after this call. @throws the error of the database when it is away */
  of(reader: Reader, boardId: string): Promise<BoardPlace> {
    const { userId, claims } = reader;
    return this.#lookup.ask(userId, claims ? `${boardId} ${claims.digest}` : boardId, { reader, boardId });
  }

  /** @returns undefined when the reader may not see it. @throws the error of the database when it is away */
  async membershipOf(reader: Reader, boardId: string): Promise<Membership | undefined> {
    const { maySee, isClaimed, head, epoch, number } = await this.of(reader, boardId);
    return maySee ? { seq: head, epoch, number, isClaimed } : undefined;
  }
}
