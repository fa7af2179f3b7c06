// The SQL of invites. Whether one still lets somebody in is decided by the functions of postgres/migrations.

import { createHash, randomBytes } from 'node:crypto';
import type { Pool } from 'pg';
import { uuidv7 } from 'uuidv7';
import { Problem } from '../problems/problem.ts';
import type { Board, Role } from './board.ts';
import type { Invitation, Invite, InviteEnd, NewInvite } from './invite.ts';
import type { WriteBoard } from './write-store.ts';
import type { Writer } from './writer.ts';
import type { Written } from './written.ts';

const TOKEN_BYTES = 24;
/** Of one invite: each repeat of the request that made it adds one. (A few more, when many come at once.) */
const MAX_LINKS = 20;
/** How long the link of an invite that has ended says so. */
const KEPT_DAYS = 7;

/** What is known of an invite by its link. */
export interface FoundInvite extends Invitation {
  end: InviteEnd | null;
}

export interface MadeInvite extends Pick<Written<Invite>, 'isReplay'> {
  invite: Invite;
  /** The secret in the link. */
  token: string;
}

export interface InviteStore {
  /**
   * The token is kept nowhere but in what this returns. A repeat gets another one, for the same invite.
   *
   * @returns undefined when the writer is not an owner
   * @throws the error of the database, for TB_LIMIT_REACHED
   */
  create(writer: Writer, boardId: string, invite: NewInvite): Promise<MadeInvite | undefined>;
  /** Those that still let somebody in, the newest first. @returns undefined when the user is not an owner */
  list(userId: string, boardId: string): Promise<Invite[] | undefined>;
  /** Also one that has ended. @returns undefined when there is no such invite or the writer is not an owner */
  revoke(writer: Writer, boardId: string, inviteId: string): Promise<Written<null> | undefined>;
  /** @param userId undefined for nobody. @returns undefined when there is no such invite */
  find(userId: string | undefined, token: string): Promise<FoundInvite | undefined>;
  /**
   * @returns undefined when the invite lets nobody in any more
   * @throws the error of the database, for TB_LIMIT_REACHED
   */
  accept(writer: Writer, boardId: string, token: string): Promise<Written<{ board: Board; role: Role }> | undefined>;
}

export interface InviteLimits {
  /** Open ones, of one board. */
  invites: number;
  /** Of one board. */
  members: number;
}

export function createInviteStore(pool: Pool, writeBoard: WriteBoard, limits: InviteLimits): InviteStore {
  return {
    async create(writer, boardId, { role, expiresInHours, maxUses }) {
      const token = randomBytes(TOKEN_BYTES).toString('base64url');
      const created = await writeBoard<Invite>(writer, boardId, {
        name: 'invite-create',
        text: `limited as materialized (
                 select set_config('teamboard.invites_per_board', $9::integer::text, true) from context
               ), made as (
                 insert into :schema.invites (id, board_id, role, max_uses, created_by, expires_at)
                 select $4, $3, $6, $7, $1, now() + make_interval(hours => $8)
                 from limited, :schema.members
                 where members.board_id = $3 and members.user_id = $1 and members.role = 'owner'
                 returning id, :schema.invite_object(invites) as object
               ), linked as (
                 insert into :schema.invite_links (token_hash, invite_id) select $5, id from made
               ), written as (
                 select object from made
               )`,
        values: [uuidv7(), hash(token), role, maxUses, expiresInHours, limits.invites],
      });
      if (!created) return undefined;
      const { resource: invite, isReplay } = created;
      const isLinked = !isReplay || (await addLink(pool, token, invite.id, writer.userId));
      return isLinked ? { invite, token, isReplay } : undefined;
    },

    async list(userId, boardId) {
      const { rows } = await pool.query<{ invite: Invite | null }>({
        name: 'invite-list',
        text: `select case when invites.id is not null then :schema.invite_object(invites) end as invite
               from :schema.members left join :schema.invites on invites.board_id = $1 and :schema.invite_end(invites) is null
               where members.board_id = $1 and members.user_id = $2 and members.role = 'owner'
               order by invites.id desc`,
        values: [boardId, userId],
      });
      return rows.length > 0 ? rows.flatMap(({ invite }) => invite ?? []) : undefined;
    },

    async revoke(writer, boardId, inviteId) {
      return writeBoard<null>(writer, boardId, {
        name: 'invite-revoke',
        text: `written as (
                 update :schema.invites set revoked_at = coalesce(revoked_at, now())
                 from context, :schema.members
                 where invites.id = $4 and invites.board_id = $3
                   and members.board_id = $3 and members.user_id = $1 and members.role = 'owner'
                 returning null::json as object
               )`,
        values: [inviteId],
      });
    },

    async find(userId, token) {
      const { rows } = await pool.query<FoundInvite>({
        name: 'invite-find',
        text: `select json_build_object('id', boards.id, 'name', boards.name) as board, invites.role,
                 json_build_object('id', invites.created_by, 'name', coalesce(users.name, 'Deleted user')) as "invitedBy",
                 :schema.rfc3339(invites.expires_at) as "expiresAt", members.role as "yourRole",
                 case when not :schema.covers_role(members.role, invites.role) then :schema.invite_end(invites) end as end
               from :schema.invite_links
               join :schema.invites on invites.id = invite_links.invite_id
               join :schema.boards on boards.id = invites.board_id
               left join :schema.users on users.id = invites.created_by
               left join :schema.members on members.board_id = invites.board_id and members.user_id = $2
               where token_hash = $1`,
        values: [hash(token), userId ?? null],
      });
      return rows[0];
    },

    async accept(writer, boardId, token) {
      return writeBoard<{ board: Board; role: Role }>(writer, boardId, {
        name: 'invite-accept',
        text: `limited as materialized (
                 select set_config('teamboard.members_per_board', $5::integer::text, true) from context
               ), used as materialized (
                 select :schema.use_invite($4::bytea, $1::uuid) as role from limited
               ), written as (
                 select json_build_object('board', :schema.board_object(boards), 'role', used.role) as object
                 from used join :schema.boards on boards.id = $3::uuid where used.role is not null
               )`,
        values: [hash(token), limits.members],
      });
    },
  };
}

/**
 * @returns false when the user is no owner any more, or the invite went with its board
 * @throws Problem TB_LIMIT_REACHED
 */
async function addLink(pool: Pool, token: string, inviteId: string, userId: string): Promise<boolean> {
  const { rows } = await pool.query<{ added: boolean }>({
    name: 'invite-link',
    text: `with invite as materialized (
             select invites.id from :schema.invites join :schema.members using (board_id)
             where invites.id = $2 and members.user_id = $3 and members.role = 'owner'
           ), link as (
             insert into :schema.invite_links (token_hash, invite_id)
             select $1, id from invite where (select count(*) from :schema.invite_links where invite_id = $2) < ${MAX_LINKS}
             returning invite_id
           )
           select exists (select from link) as added from invite`,
    values: [hash(token), inviteId, userId],
  });
  const [invite] = rows;
  if (invite?.added === false) {
    throw new Problem('TB_LIMIT_REACHED', `An invite has ${MAX_LINKS} links at most: make another one.`);
  }
  return invite !== undefined;
}

/** @returns how many it has removed, at most `limit` */
export async function removeEndedInvites(pool: Pool, limit: number): Promise<number> {
  const { rowCount } = await pool.query({
    name: 'invite-remove-ended',
    text: `delete from :schema.invites where id = any (array(
             select id from :schema.invites where least(expires_at, revoked_at) <= now() - interval '${KEPT_DAYS} days'
             order by least(expires_at, revoked_at) limit $1 for update skip locked))`,
    values: [limit],
  });
  return rowCount ?? 0;
}

function hash(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
