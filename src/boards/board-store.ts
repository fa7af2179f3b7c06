// The SQL of boards and of the roles on them.

import type { Pool } from 'pg';
import { uuidv7 } from 'uuidv7';
import type { Reader } from '../access/claims.ts';
import type { Board, BoardPatch, NewBoard, Role } from './board.ts';
import type { BoardCondition } from './board-condition.ts';
import { mayWrite, type WriteBoard, type WriteStatement } from './write-store.ts';
import type { Writer } from './writer.ts';
import type { Written } from './written.ts';

export interface BoardStore {
  /** The boards that the user is a member of, the newest first, after the board `after`. */
  list(userId: string, after: string | undefined, limit: number): Promise<Board[]>;
  /**
   * The writer becomes the owner.
   *
   * @throws the error of the database, for TB_LIMIT_REACHED and TB_KEY_TAKEN
   */
  create(writer: Writer, board: NewBoard): Promise<Written<Board>>;
  /** @returns undefined when the writer is neither owner nor editor, or the condition does not hold */
  update(
    writer: Writer,
    boardId: string,
    patch: BoardPatch,
    condition: BoardCondition | undefined,
  ): Promise<Written<Board> | undefined>;
  /** @returns undefined when the writer is not an owner, or the condition does not hold */
  delete(writer: Writer, boardId: string, condition: BoardCondition | undefined): Promise<Written<null> | undefined>;
  /** @returns undefined when the reader may not see it, also for a board that does not exist */
  roleOf(reader: Reader, boardId: string): Promise<Role | undefined>;
  /** The same for who broadcasts: the application does as an owner, without being on the board. */
  tellerRoleOf(reader: Reader, boardId: string): Promise<Role | undefined>;
}

/** @param first number of the parameter with the versions, which {@link stateValues} begin with */
const isAsWanted = (first: number) => `($${first}::int[] is null or boards.version = any($${first}))
  and ($${first + 1}::bigint is null or exists (
    select from :schema.board_log where board_id = $3 and head = $${first + 1} and :schema.current_epoch() = $${first + 2}))`;

/** Where the log has to end still when this is committed, which a deferred trigger holds: others may be on their way. */
const namesHead = (first: number) => `seen as materialized (
  select set_config('teamboard.seen_head', coalesce($${first + 1}::bigint::text, ''), true) from context)`;

/** The statement for each way in which a condition may hold, to be tried one after the other. */
function stateValues(condition: BoardCondition | undefined): unknown[][] {
  if (!condition) return [[null, null, null]];
  const { versions, seen } = condition;
  return [[versions, null, null], ...(seen ? [[null, seen.seq, seen.epoch]] : [])];
}

/** @param mostBoards that one user may have made */
export function createBoardStore(pool: Pool, writeBoard: WriteBoard, mostBoards: number): BoardStore {
  /** @param statement whose last values are those of the condition */
  async function writeAsWanted<Resource>(
    writer: Writer,
    boardId: string,
    condition: BoardCondition | undefined,
    statement: WriteStatement,
  ): Promise<Written<Resource> | undefined> {
    for (const state of stateValues(condition)) {
      const values = [...statement.values, ...state];
      const written = await writeBoard<Resource>(writer, boardId, { ...statement, values }).catch((error) => {
        if ((error as { constraint?: string }).constraint === 'board_seen_head') return undefined;
        throw error;
      });
      if (written) return written;
    }
    return undefined;
  }

  return {
    async list(userId, after, limit) {
      const { rows } = await pool.query<{ board: Board }>({
        name: 'board-list',
        text: `select :schema.board_object(boards) as board
               from :schema.members join :schema.boards on boards.id = members.board_id
               where members.user_id = $1 and ($2::uuid is null or boards.id < $2)
               order by boards.id desc limit $3`,
        values: [userId, after ?? null, limit],
      });
      return rows.map(({ board }) => board);
    },

    async create(writer, { name, layout, key }) {
      const created = await writeBoard<Board>(writer, uuidv7(), {
        name: 'board-create',
        // The writer's row first, by the stronger of the locks that are taken for the limit and for the member's name: two
        // who hold the weaker one would each wait for the other.
        text: `me as materialized (
                 select from :schema.users where id = $1::uuid for no key update
               ), limited as materialized (
                 select set_config('teamboard.boards_per_user', $7::integer::text, true) from context
                 where (select count(*) from me) >= 0
               ), board as (
                 insert into :schema.boards (id, name, layout, key) select $3, $4, coalesce($5, 'canvas'), $6 from limited
                 returning id, :schema.board_object(boards) as object
               ), owner as (
                 insert into :schema.members (board_id, user_id, role) select id, $1, 'owner' from board
               ), written as (
                 select object from board
               )`,
        values: [name, layout, key, mostBoards],
        makesBoard: true,
      });
      return created as Written<Board>;
    },

    async update(writer, boardId, { name, layout }, condition) {
      return writeAsWanted<Board>(writer, boardId, condition, {
        name: 'board-update',
        text: `${namesHead(6)}, written as (
                 update :schema.boards set name = coalesce($4, name), layout = coalesce($5, layout)
                 from seen, access where boards.id = $3 and ${mayWrite} and ${isAsWanted(6)}
                 returning :schema.board_object(boards) as object
               )`,
        values: [name, layout],
      });
    },

    async delete(writer, boardId, condition) {
      return writeAsWanted<null>(writer, boardId, condition, {
        name: 'board-delete',
        text: `${namesHead(4)}, written as (
                 delete from :schema.boards using seen, :schema.members
                 where boards.id = $3 and members.board_id = $3 and members.user_id = $1 and members.role = 'owner'
                   and ${isAsWanted(4)}
                 returning null::json as object
               )`,
        values: [],
      });
    },

    async roleOf({ userId, claims }, boardId) {
      const { rows } = await pool.query<{ role: Role }>({
        name: 'board-role-of',
        text: 'select role from :schema.access_to($1, $2, $3)',
        values: [boardId, userId, claims?.json],
      });
      return rows[0]?.role;
    },

    async tellerRoleOf({ userId, claims }, boardId) {
      const { rows } = await pool.query<{ role: Role }>({
        name: 'board-teller-role-of',
        text: `select 'owner' as role from :schema.boards where id = $1 and :schema.is_application($2)
               union all select role from :schema.access_to($1, $2, $3) limit 1`,
        values: [boardId, userId, claims?.json],
      });
      return rows[0]?.role;
    },
  };
}
