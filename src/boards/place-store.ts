// The SQL of opening streams: who may follow which board, and from where, for all who ask at a time.

import type { Pool } from 'pg';
import type { Reader } from '../access/claims.ts';

export interface PlaceQuestion {
  reader: Reader;
  boardId: string;
}

/** All of it as of one snapshot of the database. */
export interface BoardPlace {
  epoch: string;
  /** As a member or by claims. */
  maySee: boolean;
  isClaimed: boolean;
  /** Where the board's log ends and begins; 0 of a board that does not exist. */
  head: number;
  trimmedTo: number;
  /** Of the board, in this history of the database; null of one that has no log. */
  number: number | null;
}

export interface PlaceStore {
  /** @returns the answers, in the order of the questions */
  read(questions: PlaceQuestion[]): Promise<BoardPlace[]>;
}

export function createPlaceStore(pool: Pool): PlaceStore {
  return {
    async read(questions) {
      // Once for all boards that somebody asks for, of which there may be hundreds.
      const numbers = new Map<string, number>();
      for (const { reader } of questions) {
        if (reader.claims && !numbers.has(reader.claims.json)) numbers.set(reader.claims.json, numbers.size + 1);
      }
      const { rows } = await pool.query<BoardPlace>({
        name: 'place-read',
        text: `
          select history.epoch, access.role is not null as "maySee",
            coalesce(access.is_claimed, false) as "isClaimed",
            coalesce(head, 0)::float8 as head, coalesce(trimmed_to, 0)::float8 as "trimmedTo",
            board_log.number::float8 as number
          from (select :schema.current_epoch() as epoch offset 0) history
          cross join unnest($1::uuid[], $2::uuid[], $3::int[]) with ordinality as asked (board_id, user_id, claims, place)
          left join :schema.board_log on board_log.board_id = asked.board_id
          left join lateral :schema.access_to(asked.board_id, asked.user_id, ($4::jsonb[])[asked.claims]) access on true
          order by asked.place`,
        values: [
          questions.map(({ boardId }) => boardId),
          questions.map(({ reader }) => reader.userId),
          questions.map(({ reader }) => reader.claims && numbers.get(reader.claims.json)),
          [...numbers.keys()],
        ],
      });
      return rows;
    },
  };
}
