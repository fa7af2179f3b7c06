// The SQL of boards and of the roles on them.

import type { Pool } from 'pg';
import { uuidv7 } from 'uuidv7';
import type { Board, BoardPatch, NewBoard, Role } from './board.ts';
import type { WriteBoard, Written } from './write-store.ts';
import type { Writer } from './writer.ts';

export interface BoardStore {
  /** The boards that the user is a member of, the newest first, after the board `after`. */
  list(userId: string, after: string | undefined, limit: number): Promise<Board[]>;
  /**
   * The writer becomes the owner.
   *
   * @throws the error of the database, for TB_LIMIT_REACHED
   */
  create(writer: Writer, board: NewBoard): Promise<Written<Board>>;
  /** @returns undefined when the writer is neither owner nor editor */
  update(writer: Writer, boardId: string, patch: BoardPatch): Promise<Written<Board> | undefined>;
  /** @returns undefined when the writer is not an owner */
  delete(writer: Writer, boardId: string): Promise<Written<null> | undefined>;
  /** @returns undefined when the user is no member, also of a board that does not exist */
  roleOf(userId: string, boardId: string): Promise<Role | undefined>;
}

/** @param mostBoards that one user may have made */
export function createBoardStore(pool: Pool, writeBoard: WriteBoard, mostBoards: number): BoardStore {
  return {
    async list(userId, after, limit) {
      const { rows } = await pool.query<{ board: Board }>({
        name: 'board-list',
        text: `select board_object(boards) as board
               from members join boards on boards.id = members.board_id
               where members.user_id = $1 and ($2::uuid is null or boards.id < $2)
               order by boards.id desc limit $3`,
        values: [userId, after ?? null, limit],
      });
      return rows.map(({ board }) => board);
    },

    async create(writer, { name, layout }) {
      const created = await writeBoard<Board>(writer, uuidv7(), {
        name: 'board-create',
        // The writer's row first, by the stronger of the locks that are taken for the limit and for the member's name: two
        // who hold the weaker one would each wait for the other.
        text: `me as materialized (
                 select from users where id = $1::uuid for no key update
               ), limited as materialized (
                 select set_config('teamboard.boards_per_user', $6::integer::text, true) from context
                 where (select count(*) from me) >= 0
               ), board as (
                 insert into boards (id, name, layout) select $3, $4, coalesce($5, 'canvas') from limited
                 returning id, board_object(boards) as object
               ), owner as (
                 insert into members (board_id, user_id, role) select id, $1, 'owner' from board
               ), written as (
                 select object from board
               )`,
        values: [name, layout, mostBoards],
        makesBoard: true,
      });
      return created as Written<Board>;
    },

    async update(writer, boardId, { name, layout }) {
      return writeBoard<Board>(writer, boardId, {
        name: 'board-update',
        text: `written as (
                 update boards set name = coalesce($4, name), layout = coalesce($5, layout)
                 from context, members
                 where boards.id = $3 and members.board_id = $3 and members.user_id = $1
                   and members.role in ('owner', 'editor')
                 returning board_object(boards) as object
               )`,
        values: [name, layout],
      });
    },

    async delete(writer, boardId) {
      return writeBoard<null>(writer, boardId, {
        name: 'board-delete',
        text: `written as (
                 delete from boards using context, members
                 where boards.id = $3 and members.board_id = $3 and members.user_id = $1 and members.role = 'owner'
                 returning null::json as object
               )`,
        values: [],
      });
    },

    async roleOf(userId, boardId) {
      const { rows } = await pool.query<{ role: Role }>({
        name: 'board-role-of',
        text: 'select role from members where board_id = $1 and user_id = $2',
        values: [boardId, userId],
      });
      return rows[0]?.role;
    },
  };
}
