// The SQL of tickets: who may open which board's stream by an address alone, and until when.
//
// A ticket that could be used once would end the stream with the first connection that breaks. An EventSource comes back
// to the address that it was made with, so its second request carries the ticket of the first, is refused, and any answer
// but 200 ends it for good. So a ticket has a minute to be used at all, for addresses leak where they are copied and
// logged; and once it is a stream's, it is good for as long as what its maker has come by.

import type { Pool } from 'pg';
import type { Caller } from './caller.ts';
import { hashSecret, newSecret } from './secret.ts';
import { userColumns } from './session-store.ts';
import type { User } from './user.ts';

const FIRST_USE_SECONDS = 60;
/** Of one user, not used yet. */
const MAX_UNUSED = 100;
/** Of one user: far more than one has streams, each of which comes back within a day. */
const MAX_USED = 1000;

export interface NewTicket {
  ticket: string;
  /** Of a ticket that has not been used. */
  expiresAt: string;
}

export interface TicketStore {
  /**
   * Those that were used longest ago make room.
   *
   * @returns 'ended' when what the caller has come by has ended meanwhile
   * @throws the error of a foreign key when the caller is no member of the board
   */
  create(caller: Caller, boardId: string): Promise<NewTicket | 'too many' | 'ended'>;
  /**
   * @returns the caller that has made it, as by the same session, token or JWT; undefined when it opens this board no
   *   more, or never did
   */
  find(ticket: string, boardId: string): Promise<Caller | undefined>;
  /** See `Sweeper`. Those of sessions, tokens and members go with them. */
  removeExpired(limit: number): Promise<number>;
}

export function createTicketStore(pool: Pool): TicketStore {
  return {
    async create({ user, credentialId, expiresAt: jwtEndsAt }, boardId) {
      const ticket = newSecret();
      const { rows } = await pool.query<{ unused: number; expiresAt: string | null }>({
        name: 'ticket-create',
        text: createSql,
        values: [hashSecret(ticket), boardId, user.id, credentialId ?? null, jwtEndsAt],
      });
      const { unused = 0, expiresAt = null } = rows[0] ?? {};
      if (expiresAt !== null) return { ticket, expiresAt };
      return unused >= MAX_UNUSED ? 'too many' : 'ended';
    },

    async find(ticket, boardId) {
      const { rows } = await pool.query<User & { credentialId: string | null; endsAt: string | null }>({
        name: 'ticket-find',
        text: findSql,
        values: [hashSecret(ticket), boardId],
      });
      if (!rows[0]) return undefined;
      const { credentialId, endsAt, ...user } = rows[0];
      return { user, credentialId: credentialId ?? undefined, expiresAt: endsAt };
    },

    async removeExpired(limit) {
      const { rowCount } = await pool.query({
        name: 'ticket-remove-expired',
        text: `delete from tickets where ctid = any (array(
                 select ctid from tickets
                 where (used_at is null and expires_at <= now()) or jwt_ends_at <= now()
                 limit $1 for update skip locked))`,
        values: [limit],
      });
      return rowCount ?? 0;
    },
  };
}

/** A caller's id is that of a session or of a token, which the tables tell; without one it is a JWT. */
const createSql = `
  with credential as (
    select id as session_id, null::uuid as token_id, null::timestamptz as jwt_ends_at from sessions where id = $4
    union all select null, id, null from tokens where id = $4
    union all select null, null, $5 where $4::uuid is null
  ), unused as (
    select count(*)::integer as number from tickets where user_id = $3 and used_at is null and expires_at > now()
  ), made as (
    insert into tickets (ticket_hash, board_id, user_id, session_id, token_id, jwt_ends_at, expires_at)
    select $1, $2::uuid, $3::uuid, credential.*, now() + interval '${FIRST_USE_SECONDS} seconds'
    from credential, unused where unused.number < ${MAX_UNUSED}
    returning expires_at
  ), superseded as (
    delete from tickets where ticket_hash in (
      select ticket_hash from tickets where user_id = $3 and used_at is not null
      order by used_at desc offset ${MAX_USED})
  )
  select unused.number as unused, (select rfc3339(expires_at) from made) as "expiresAt" from unused`;

/**
 * The first use is marked in the statement that finds the ticket: nobody finds one that was not used in time, and the
 * sweeper, which takes only those, never one that was found. Later uses are marked once an hour: a storm of reconnects
 * is no storm of writes.
 */
const findSql = `
  with marked as (
    update tickets set used_at = now()
    where ticket_hash = $1 and board_id = $2
      and ((used_at is null and expires_at > now()) or used_at < now() - interval '1 hour')
  )
  select ${userColumns}, coalesce(session_id, token_id) as "credentialId",
    rfc3339(coalesce(sessions.expires_at, tokens.expires_at, jwt_ends_at)) as "endsAt"
  from tickets join users on users.id = tickets.user_id
    left join credentials on credentials.user_id = users.id
    left join sessions on sessions.id = session_id
    left join tokens on tokens.id = token_id
  where ticket_hash = $1 and board_id = $2
    and (used_at is not null or tickets.expires_at > now())
    and (coalesce(sessions.expires_at, tokens.expires_at, jwt_ends_at) > now()
      or (token_id is not null and tokens.expires_at is null))`;
