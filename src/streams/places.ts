// "May this user follow this board, and from where?": asked for all streams of this node that want to know at a time.

import { BatchedLookup } from './batched-lookup.ts';
import type { Membership } from './stream.ts';

/** All of it as of one snapshot of the database. */
export interface BoardPlace {
  epoch: string;
  isMember: boolean;
  head: number;
  trimmedTo: number;
}

/** @returns the answers, in the order of the questions. @throws the error of the database when it is away */
export type ReadPlaces = (questions: Array<{ userId: string; boardId: string }>) => Promise<BoardPlace[]>;

export class Places {
  readonly #lookup: BatchedLookup<BoardPlace>;

  constructor(read: ReadPlaces) {
    this.#lookup = new BatchedLookup(async (keys) => {
      const places = await read(
        keys.map((key) => {
          const [userId = '', boardId = ''] = key.split(' ');
          return { userId, boardId };
        }),
      );
      return new Map(keys.flatMap((key, index) => (places[index] ? [[key, places[index]]] : [])));
    });
  }

  /** As it is after this call. @throws the error of the database when it is away */
  async of(userId: string, boardId: string): Promise<BoardPlace> {
    const key = `${userId} ${boardId}`;
    const place = (await this.#lookup.ask([key])).get(key);
    if (!place) throw new Error(`no answer for the board ${boardId}`);
    return place;
  }

  /** @returns undefined when the user is no member. @throws the error of the database when it is away */
  async membershipOf(userId: string, boardId: string): Promise<Membership | undefined> {
    const { isMember, head, epoch } = await this.of(userId, boardId);
    return isMember ? { seq: head, epoch } : undefined;
  }
}
