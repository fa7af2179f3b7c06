// The SQL of a board's members. That a board keeps an owner is held by the triggers of postgres/migrations.

import type { Pool } from 'pg';
import type { Reader } from '../access/claims.ts';
import type { Member, Role } from './board.ts';
import type { WriteBoard } from './write-store.ts';
import type { Writer } from './writer.ts';
import type { Written } from './written.ts';

export interface MemberStore {
  /** In the order in which they joined. @returns undefined when the reader may not see the board, and is not the application */
  list(reader: Reader, boardId: string): Promise<Member[] | undefined>;
  /**
   * @returns undefined when the writer is not an owner
   * @throws the error of the database, for TB_ALREADY_MEMBER, TB_LIMIT_REACHED or a user who does not exist
   */
  add(writer: Writer, boardId: string, memberId: string, role: Role): Promise<Written<Member> | undefined>;
  /**
   * @returns undefined when the writer is not an owner, or there is no such member
   * @throws the error of the database, for TB_LAST_OWNER
   */
  changeRole(writer: Writer, boardId: string, memberId: string, role: Role): Promise<Written<Member> | undefined>;
  /**
   * Owners remove anyone, and everyone themselves.
   *
   * @returns undefined when the writer may not do it, or there is no such member
   * @throws the error of the database, for TB_LAST_OWNER
   */
  remove(writer: Writer, boardId: string, memberId: string): Promise<Written<null> | undefined>;
}

// The writer's row too, in the order of the ids: of two owners who remove each other at once the second finds that it
// is none any more. The board first, as its deletion does; and only for members, so that a stranger waits for nothing.
const lockedRows = `
  board as materialized (
    select boards.id from context, :schema.boards
    where boards.id = $3 and (:schema.is_application($1)
      or exists (select from :schema.members where board_id = $3 and user_id = $1)) for key share of boards
  ), locked as materialized (
    select members.user_id, members.role from board, :schema.members
    where members.board_id = board.id and members.user_id in ($1, $4::uuid)
    order by members.user_id for no key update of members
  )`;
const writerOwns = `(exists (select from locked where user_id = $1 and role = 'owner')
  or exists (select from board where :schema.is_application($1)))`;

/** @param mostMembers of one board */
export function createMemberStore(pool: Pool, writeBoard: WriteBoard, mostMembers: number): MemberStore {
  return {
    async list({ userId, claims }, boardId) {
      const { rows } = await pool.query<{ member: Member }>({
        name: 'member-list',
        text: `select :schema.member_object(members) as member from :schema.members
               where board_id = $1 and (:schema.is_application($2)
                 or exists (select from :schema.access_to($1, $2, $3)))
               order by created_at, user_id`,
        values: [boardId, userId, claims?.json],
      });
      return rows.length > 0 ? rows.map(({ member }) => member) : undefined;
    },

    async add(writer, boardId, memberId, role) {
      return writeBoard<Member>(writer, boardId, {
        name: 'member-add',
        text: `${lockedRows}, limited as materialized (
                 select id, set_config('teamboard.members_per_board', $6::integer::text, true) from board
               ), written as (
                 insert into :schema.members (board_id, user_id, role) select id, $4, $5 from limited where ${writerOwns}
                 returning :schema.member_object(members) as object
               )`,
        values: [memberId, role, mostMembers],
      });
    },

    async changeRole(writer, boardId, memberId, role) {
      return writeBoard<Member>(writer, boardId, {
        name: 'member-change-role',
        text: `${lockedRows}, written as (
                 update :schema.members set role = $5 where board_id = $3 and user_id = $4 and ${writerOwns}
                 returning :schema.member_object(members) as object
               )`,
        values: [memberId, role],
      });
    },

    async remove(writer, boardId, memberId) {
      return writeBoard<null>(writer, boardId, {
        name: 'member-remove',
        text: `${lockedRows}, written as (
                 delete from :schema.members
                 where board_id = $3 and user_id = $4 and (user_id = $1 and exists (select from board) or ${writerOwns})
                 returning null::json as object
               )`,
        values: [memberId],
      });
    },
  };
}
