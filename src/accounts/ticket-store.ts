// The SQL of tickets: who may open the stream of which boards by an address alone, and until when.
//
// A ticket that could be used once would end the stream with the first connection that breaks. An EventSource comes back
// to the address that it was made with, so its second request carries the ticket of the first, is refused, and any answer
// but 200 ends it for good. So a ticket has a minute to be used at all, for addresses leak where they are copied and
// logged; and once it is a stream's, it is good for as long as what its maker has come by.

import type { Pool } from 'pg';
import { claimsOf } from '../access/claims.ts';
import type { Grant } from '../access/grant.ts';
import { removeExpiredFrom } from '../postgres/remove-expired.ts';
import type { Caller } from './caller.ts';
import { hashSecret, newSecret } from './secret.ts';
import { streamsColumn, userColumns } from './session-store.ts';
import type { User } from './user.ts';

const FIRST_USE_SECONDS = 60;
/** Of one user, not used yet. */
export const MAX_UNUSED = 100;
/** Of one user: far more than one has streams, each of which comes back within a day. */
const MAX_USED = 1000;

/** Whom it is for, and what it hangs on: of a user what they have come by, of the application its own token. */
export interface TicketMaker {
  user: Pick<User, 'id'>;
  grant: Grant;
}

export interface NewTicket {
  ticket: string;
  /** Of a ticket that has not been used. */
  expiresAt: string;
}

export interface TicketStore {
  /**
   * For those of the boards that the caller may see. Tickets that were used longest ago make room.
   *
   * @returns 'ended' when the caller's grant has ended meanwhile, 'none' when the caller may see none of the boards
   */
  create(caller: TicketMaker, boardIds: string[]): Promise<NewTicket | 'too many' | 'ended' | 'none'>;
  /**
   * @returns the caller that has made it, as by the same session, token or JWT, with those of the boards that it opens;
   *   undefined when it opens none of them any more, or never did
   */
  find(ticket: string, boardIds: string[]): Promise<Caller | undefined>;
  /** See `Expiry`. Those of sessions, tokens and of members of one board go with them. */
  removeExpired(limit: number): Promise<number>;
}

export function createTicketStore(pool: Pool): TicketStore {
  return {
    async create({ user, grant }, boardIds) {
      const ticket = newSecret();
      const { rows } = await pool.query<{ unused: number; visible: number; expiresAt: string | null }>({
        name: 'ticket-create',
        text: createSql,
        values: [hashSecret(ticket), boardIds, user.id, grant.id ?? null, grant.expiresAt, grant.claims?.json],
      });
      const { unused = 0, visible = 0, expiresAt = null } = rows[0] ?? {};
      if (expiresAt !== null) return { ticket, expiresAt };
      if (visible === 0) return 'none';
      return unused >= MAX_UNUSED ? 'too many' : 'ended';
    },

    async find(ticket, boardIds) {
      const { rows } = await pool.query<
        User & { grantId: string | null; streamsId: string; endsAt: string | null; boards: string[]; claimed: string[] }
      >({
        name: 'ticket-find',
        text: findSql,
        values: [hashSecret(ticket), boardIds],
      });
      if (!rows[0]) return undefined;
      const { grantId, streamsId, endsAt, boards, claimed, ...user } = rows[0];
      const claims = claimsOf(new Map(claimed.map((boardId) => [boardId, 'viewer'])));
      return {
        user,
        grant: { id: grantId ?? undefined, streamsId, expiresAt: endsAt, claims },
        boards: new Set(boards),
      };
    },

    removeExpired: removeExpiredFrom(
      pool,
      'tickets',
      `(used_at is null and expires_at <= now()) or jwt_ends_at <= now()
       or (board_id is null and not exists (
         select from :schema.ticket_boards where ticket_boards.ticket_hash = tickets.ticket_hash
         union all select from :schema.ticket_claims where ticket_claims.ticket_hash = tickets.ticket_hash))`,
    ),
  };
}

/**
 * The id of a grant is that of a session or of a token, which the tables tell; without one it is a JWT. The memberships are
 * held, so that one that ends meanwhile ends before the ticket, which lacks its board then, or after it, and takes it along.
 * A board that the maker was let in to by claims alone is one of the ticket's until the end of what had them.
 */
const createSql = `
  with granted as (
    select id as session_id, null::uuid as token_id, null::timestamptz as jwt_ends_at from :schema.sessions where id = $4
    union all select null, id, null from :schema.tokens where id = $4
    union all select null, null, $5 where $4::uuid is null
  ), unused as (
    select count(*)::integer as number from :schema.tickets where user_id = $3 and used_at is null and expires_at > now()
  ), visible as materialized (
    select board_id from :schema.members where user_id = $3 and board_id = any ($2::uuid[]) order by board_id for key share
  ), claimed as materialized (
    select id as board_id from :schema.boards
    where id = any ($2::uuid[]) and :schema.claimed_role($6::jsonb, boards) is not null
      and id not in (select board_id from visible)
    order by id for key share
  ), seen as (
    select array_agg(board_id) as boards, count(*)::integer as members, (select count(*) from claimed)::integer as claimed
    from visible
  ), made as (
    insert into :schema.tickets (ticket_hash, board_id, user_id, session_id, token_id, jwt_ends_at, expires_at)
    select $1::bytea, case when seen.members = 1 and seen.claimed = 0 then seen.boards[1] end, $3::uuid, granted.*,
      now() + interval '${FIRST_USE_SECONDS} seconds'
    from granted, unused, seen where unused.number < ${MAX_UNUSED} and seen.members + seen.claimed > 0
    returning expires_at
  ), opened as (
    insert into :schema.ticket_boards (ticket_hash, board_id, user_id)
    select $1, board_id, $3 from made, seen, visible where seen.members > 1 or seen.claimed > 0
  ), opened_by_claims as (
    insert into :schema.ticket_claims (ticket_hash, board_id) select $1, board_id from made, claimed
  ), superseded as (
    delete from :schema.tickets where ticket_hash in (
      select ticket_hash from :schema.tickets where user_id = $3 and used_at is not null
      order by used_at desc offset ${MAX_USED})
  )
  select unused.number as unused, seen.members + seen.claimed as visible, (select :schema.rfc3339(expires_at) from made) as "expiresAt"
  from unused, seen`;

/**
 * The first use is marked in the statement that finds the ticket: nobody finds one that was not used in time, and the
 * expiry, which takes only those, never one that was found. Later uses are marked once an hour: a storm of reconnects
 * is no storm of writes.
 */
const findSql = `
  with opened as (
    select board_id, false as is_claimed from :schema.tickets where ticket_hash = $1 and board_id = any ($2::uuid[])
    union all select board_id, false from :schema.ticket_boards where ticket_hash = $1 and board_id = any ($2)
    union all select board_id, true from :schema.ticket_claims where ticket_hash = $1 and board_id = any ($2)
  ), marked as (
    update :schema.tickets set used_at = now()
    where ticket_hash = $1 and exists (select from opened)
      and ((used_at is null and expires_at > now()) or used_at < now() - interval '1 hour')
  )
  select ${userColumns}, ${streamsColumn}, coalesce(session_id, token_id) as "grantId",
    :schema.rfc3339(coalesce(sessions.expires_at, tokens.expires_at, jwt_ends_at)) as "endsAt",
    array(select board_id from opened)::text[] as boards, array(select board_id from opened where is_claimed)::text[] as claimed
  from :schema.tickets join :schema.users on users.id = tickets.user_id
    left join :schema.credentials on credentials.user_id = users.id
    left join :schema.sessions on sessions.id = session_id
    left join :schema.tokens on tokens.id = token_id
  where ticket_hash = $1 and exists (select from opened)
    and (used_at is not null or tickets.expires_at > now())
    and (coalesce(sessions.expires_at, tokens.expires_at, jwt_ends_at) > now()
      or (token_id is not null and tokens.expires_at is null))`;
