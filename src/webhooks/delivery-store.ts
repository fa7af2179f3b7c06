// The SQL of the nodes that tell webhooks: which of them tells which, where each stands, and how it went.

import type { Pool } from 'pg';

/** Taken at once, of those that nobody tells: other nodes are to have their share. */
const CLAIMS = 200;

/** A webhook, as who tells it needs it. */
export interface Due {
  id: string;
  boardId: string;
  url: string;
  events: string[] | null;
  secret: string;
  /** Undefined when it signs no more. */
  previousSecret?: string;
  epoch: string;
  seq: number;
  failures: number;
  /** Until it may be tried again; 0: now. */
  waitMs: number;
}

/** A webhook that this node tells. */
export interface Held {
  id: string;
  boardId: string;
  ownerId: string;
  events: string[] | null;
  /** Since the oldest event that it has yet to be told was committed, in seconds; null when there is none. */
  lagSeconds: number | null;
  /** Something is to be told, and it may be tried. */
  isDue: boolean;
}

export interface Round {
  held: Held[];
  /** How many this node has beyond its share of all that are active. */
  surplus: number;
  /** Of all boards. */
  paused: number;
}

export interface Failing {
  failure: string;
  /** Before the next attempt. */
  retryMs: number;
  giveUpMs: number;
  isGone: boolean;
}

export interface DeliveryStore {
  /**
   * Renews the lease of this node, takes out nodes whose lease is over, and removes webhooks whose board is gone and that
   * have nothing to tell of it any more; then claims webhooks that nobody tells.
   */
  round(node: string, leaseMs: number): Promise<Round>;
  /** Lets go of some. */
  release(node: string, webhookIds: string[]): Promise<void>;
  /** Lets go of all. */
  leave(node: string): Promise<void>;
  /** @returns undefined when this node does not tell it any more */
  load(node: string, webhookId: string): Promise<Due | undefined>;
  /**
   * It has taken all up to a place.
   *
   * @param isSkipped when it was not to be told of it, and was not asked
   * @returns as it is now; undefined when this node does not tell it any more, or it was moved meanwhile
   */
  advance(node: string, due: Due, to: Pick<Due, 'epoch' | 'seq'>, isSkipped: boolean): Promise<Due | undefined>;
  /** @returns as it is now, and why it is paused, if it is; undefined as {@link advance} */
  fail(node: string, due: Due, failing: Failing): Promise<(Due & { pauseReason: string | null }) | undefined>;
}

/** What of a webhook a {@link Due} has. */
const dueColumns = `webhooks.id, webhooks.board_id as "boardId", webhooks.url, webhooks.events,
  webhooks.secret, case when webhooks.previous_until > now() then webhooks.previous_secret end as "previousSecret",
  webhooks.epoch, webhooks.seq::float8 as seq, webhooks.failures,
  greatest(0, ceil(extract(epoch from webhooks.next_attempt_at - clock_timestamp()) * 1000))::float8 as "waitMs"`;

// Of a board that is gone the last event is still to be told, and who owned it then has been told all before.
const isBacked = `(exists (
    select from :schema.members
    where members.board_id = webhooks.board_id and members.user_id = webhooks.owner_id and role = 'owner')
  or not exists (select from :schema.boards where boards.id = webhooks.board_id))`;
const isHere = `webhooks.id = $2 and webhooks.node = $1 and webhooks.state = 'active'`;
const isThere = `${isHere} and webhooks.epoch = $3 and webhooks.seq = $4`;

/** Of all that are active, for each node that lives. */
const shareSql = `(
  select ceil(
    (select count(*) from :schema.webhooks where state = 'active')::float8
    / greatest(1, (select count(*) from :schema.webhook_leases where expires_at > clock_timestamp())))::int)`;

export function createDeliveryStore(pool: Pool): DeliveryStore {
  const renew = {
    name: 'webhooks-renew',
    text: `insert into :schema.webhook_leases (node, expires_at)
           values ($1, clock_timestamp() + make_interval(secs => $2::float8 / 1000))
           on conflict (node) do update set expires_at = excluded.expires_at`,
  };
  const clear = {
    name: 'webhooks-clear',
    text: `with dead as (
             delete from :schema.webhook_leases where expires_at < clock_timestamp()
           )
           delete from :schema.webhooks where not exists (select from :schema.boards where boards.id = webhooks.board_id)
             and (state = 'paused' or not exists (
               select from :schema.board_log where board_log.board_id = webhooks.board_id and head > webhooks.seq))`,
  };
  const claim = {
    name: 'webhooks-claim',
    text: `update :schema.webhooks set node = $1 where id = any (array(
             select id from :schema.webhooks where node is null and state = 'active' order by id
             limit least(${CLAIMS}, greatest(0, ${shareSql} - (select count(*) from :schema.webhooks where node = $1)))
             for update skip locked))`,
  };
  const list = {
    name: 'webhooks-list',
    text: `select webhooks.id, webhooks.board_id as "boardId", webhooks.owner_id as "ownerId", webhooks.events,
             extract(epoch from clock_timestamp() - untold.at)::float8 as "lagSeconds",
             (webhooks.epoch <> history.epoch or untold.at is not null or head > webhooks.seq)
               and coalesce(next_attempt_at <= clock_timestamp(), true) as "isDue"
           from (select :schema.current_epoch() as epoch offset 0) history
           join :schema.webhooks on node = $1 and state = 'active'
           left join :schema.board_log using (board_id)
           left join lateral (
             select at from :schema.board_events
             where head > webhooks.seq and board_events.board_id = webhooks.board_id and board_events.seq > webhooks.seq
             order by board_events.seq limit 1
           ) untold on true
           order by webhooks.id`,
  };
  const count = {
    name: 'webhooks-count',
    text: `select (select count(*) from :schema.webhooks where node = $1)::int - ${shareSql} as surplus,
             (select count(*) from :schema.webhooks where state = 'paused')::int as paused`,
  };

  return {
    async round(node, leaseMs) {
      await pool.query({ ...renew, values: [node, leaseMs] });
      await pool.query(clear);
      await pool.query({ ...claim, values: [node] });
      const { rows: held } = await pool.query<Held>({ ...list, values: [node] });
      const { rows } = await pool.query<{ surplus: number; paused: number }>({ ...count, values: [node] });
      const { surplus = 0, paused = 0 } = rows[0] ?? {};
      return { held, surplus: Math.max(0, surplus), paused };
    },

    async release(node, webhookIds) {
      await pool.query({
        name: 'webhooks-release',
        text: 'update :schema.webhooks set node = null where node = $1 and id = any ($2::uuid[])',
        values: [node, webhookIds],
      });
    },

    async leave(node) {
      await pool.query({
        name: 'webhooks-leave',
        text: 'delete from :schema.webhook_leases where node = $1',
        values: [node],
      });
    },

    async load(node, webhookId) {
      const { rows } = await pool.query<Due>({
        name: 'webhooks-load',
        text: `select ${dueColumns} from :schema.webhooks where ${isHere} and ${isBacked}`,
        values: [node, webhookId],
      });
      return rows[0];
    },

    async advance(node, { id, epoch, seq }, to, isSkipped) {
      const { rows } = await pool.query<Due>({
        name: 'webhooks-advance',
        text: `update :schema.webhooks set epoch = $5, seq = $6,
                 delivered_at = case when $7 then delivered_at else now() end,
                 failures = case when $7 then failures else 0 end,
                 failing_since = case when $7 then failing_since end,
                 last_failure = case when $7 then last_failure end,
                 next_attempt_at = case when $7 then next_attempt_at end
               where ${isThere} and ${isBacked} returning ${dueColumns}`,
        values: [node, id, epoch, seq, to.epoch, to.seq, isSkipped],
      });
      return rows[0];
    },

    async fail(node, { id, epoch, seq }, { failure, retryMs, giveUpMs, isGone }) {
      const { rows } = await pool.query<Due & { pauseReason: string | null }>({
        name: 'webhooks-fail',
        text: `with failed as (
                 select id, coalesce(failing_since, now()) as since, make_interval(secs => $7::float8 / 1000) as most,
                   case when $8 then 'gone'
                     when failing_since <= clock_timestamp() - make_interval(secs => $7::float8 / 1000) then 'failing'
                   end as ended
                 from :schema.webhooks where ${isThere} for no key update
               )
               update :schema.webhooks set failures = failures + 1, failing_since = since, last_failure = $5,
                 next_attempt_at = case when ended is null
                   then least(clock_timestamp() + make_interval(secs => $6::float8 / 1000), since + most) end,
                 state = case when ended is null then 'active' else 'paused' end, pause_reason = ended,
                 paused_at = case when ended is not null then now() end,
                 node = case when ended is null then webhooks.node end
               from failed where webhooks.id = failed.id
               returning ${dueColumns}, pause_reason as "pauseReason"`,
        values: [node, id, epoch, seq, failure, retryMs, giveUpMs, isGone],
      });
      return rows[0];
    },
  };
}
