// The SQL of opening streams: who may follow which board, and from where, for all who ask at a time.

import type { Pool } from 'pg';

export interface PlaceQuestion {
  userId: string;
  boardId: string;
}

/** All of it as of one snapshot of the database. */
export interface BoardPlace {
  epoch: string;
  isMember: boolean;
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
      const { rows } = await pool.query<BoardPlace>({
        name: 'place-read',
        text: `
          select history.epoch, members.user_id is not null as "isMember",
            coalesce(head, 0)::float8 as head, coalesce(trimmed_to, 0)::float8 as "trimmedTo",
            board_log.number::float8 as number
          from (select :schema.current_epoch() as epoch offset 0) history
          cross join unnest($1::uuid[], $2::uuid[]) with ordinality as asked (board_id, user_id, place)
          left join :schema.board_log on board_log.board_id = asked.board_id
          left join :schema.members on members.board_id = asked.board_id and members.user_id = asked.user_id
          order by asked.place`,
        values: [questions.map(({ boardId }) => boardId), questions.map(({ userId }) => userId)],
      });
      return rows;
    },
  };
}
