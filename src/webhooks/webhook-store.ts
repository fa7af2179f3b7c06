// The SQL by which owners make and change the webhooks of their boards.

import type { Pool } from 'pg';
import { uuidv7 } from 'uuidv7';
import type { PastExtent } from '../boards/past-store.ts';
import type { WriteBoard } from '../boards/write-store.ts';
import type { Writer } from '../boards/writer.ts';
import type { Written } from '../boards/written.ts';
import { newSecret } from './signature.ts';
import type { NewWebhook, Webhook, WebhookPatch } from './webhook.ts';

/** How long the secret before signs beside a new one. */
const PREVIOUS_HOURS = 24;

export interface WithSecret extends Pick<Written<Webhook>, 'isReplay'> {
  webhook: Webhook;
  secret: string;
}

/** Each is for owners: to all others it returns undefined. */
export interface WebhookStore {
  /** It begins at the present. @throws the error of the database, for TB_LIMIT_REACHED */
  create(writer: Writer, boardId: string, webhook: NewWebhook): Promise<WithSecret | undefined>;
  /** The oldest first. */
  list(userId: string, boardId: string): Promise<Webhook[] | undefined>;
  /** @returns undefined also when there is no such webhook; so do all that follow */
  find(userId: string, boardId: string, webhookId: string): Promise<Webhook | undefined>;
  change(
    writer: Writer,
    boardId: string,
    webhookId: string,
    patch: WebhookPatch,
  ): Promise<Written<Webhook> | undefined>;
  remove(writer: Writer, boardId: string, webhookId: string): Promise<Written<null> | undefined>;
  rotate(writer: Writer, boardId: string, webhookId: string): Promise<WithSecret | undefined>;
  readExtent(userId: string, boardId: string): Promise<PastExtent | undefined>;
  /** @param seq after which it is told all anew; of the history that the database is in */
  replay(writer: Writer, boardId: string, webhookId: string, seq: number): Promise<Written<Webhook> | undefined>;
}

/** @param user the number of the parameter */
const ownsSql = (user: number, board: number) =>
  `exists (select from :schema.members where board_id = $${board} and user_id = $${user} and role = 'owner')`;

export function createWebhookStore(pool: Pool, writeBoard: WriteBoard, mostWebhooks: number): WebhookStore {
  const update = (name: string, set: string) => ({
    name: `webhook-${name}`,
    text: `written as (
             update :schema.webhooks set ${set}
             from context where webhooks.id = $4 and webhooks.board_id = $3 and ${ownsSql(1, 3)}
             returning :schema.webhook_object(webhooks) as object
           )`,
  });

  /** A repeat is told what the first answer said: the secret is in the webhook alone. */
  const withSecret = async (written: Written<Webhook> | undefined): Promise<WithSecret | undefined> => {
    if (!written) return undefined;
    const { resource: webhook, isReplay } = written;
    const { rows } = await pool.query<{ secret: string }>({
      name: 'webhook-secret',
      text: 'select secret from :schema.webhooks where id = $1',
      values: [webhook.id],
    });
    const [row] = rows;
    return row && { webhook, isReplay, secret: row.secret };
  };

  return {
    async create(writer, boardId, { url, name = null, events = null }) {
      const written = await writeBoard<Webhook>(writer, boardId, {
        name: 'webhook-create',
        text: `limited as materialized (
                 select set_config('teamboard.webhooks_per_board', $9::integer::text, true) from context
               ), written as (
                 insert into :schema.webhooks (id, board_id, owner_id, url, name, events, secret, epoch, seq)
                 select $4, $3, $1, $5, $6, $7, $8, :schema.current_epoch(), head
                 from limited, :schema.board_log where board_id = $3 and ${ownsSql(1, 3)}
                 returning :schema.webhook_object(webhooks) as object
               )`,
        values: [uuidv7(), url, name?.trim() ?? null, events, newSecret(), mostWebhooks],
      });
      return withSecret(written);
    },

    async list(userId, boardId) {
      const { rows } = await pool.query<{ webhook: Webhook | null }>({
        name: 'webhook-list',
        text: `select case when webhooks.id is not null then :schema.webhook_object(webhooks) end as webhook
               from (select where ${ownsSql(2, 1)}) owner left join :schema.webhooks on board_id = $1
               order by webhooks.id`,
        values: [boardId, userId],
      });
      return rows.length > 0 ? rows.flatMap(({ webhook }) => webhook ?? []) : undefined;
    },

    async find(userId, boardId, webhookId) {
      const { rows } = await pool.query<{ webhook: Webhook }>({
        name: 'webhook-find',
        text: `select :schema.webhook_object(webhooks) as webhook from :schema.webhooks
               where board_id = $1 and id = $3 and ${ownsSql(2, 1)}`,
        values: [boardId, userId, webhookId],
      });
      return rows[0]?.webhook;
    },

    async change(writer, boardId, webhookId, { url, name, events, state }) {
      return writeBoard<Webhook>(writer, boardId, {
        // Whoever says where it leads, or that it goes on, answers for it from then on. Either begins with a clean slate.
        ...update(
          'change',
          `url = coalesce($5, url), name = case when $6 then $7 else name end,
           events = case when $8 then $9::text[] else events end,
           owner_id = case when $5::text is not null or $10 = 'active' then $1 else owner_id end,
           failures = case when $5::text is not null or $10 = 'active' then 0 else failures end,
           failing_since = case when $5::text is null and $10 is distinct from 'active' then failing_since end,
           last_failure = case when $5::text is null and $10 is distinct from 'active' then last_failure end,
           next_attempt_at = case when $5::text is null and $10 is distinct from 'active' then next_attempt_at end,
           state = coalesce($10::text, state),
           pause_reason = case $10 when 'paused' then coalesce(pause_reason, 'owner') when 'active' then null
             else pause_reason end,
           paused_at = case $10 when 'paused' then coalesce(paused_at, now()) when 'active' then null else paused_at end,
           node = case when $10 = 'paused' then null else node end`,
        ),
        values: [
          webhookId,
          url ?? null,
          name !== undefined,
          name?.trim() ?? null,
          events !== undefined,
          events ?? null,
          state ?? null,
        ],
      });
    },

    async remove(writer, boardId, webhookId) {
      return writeBoard<null>(writer, boardId, {
        name: 'webhook-remove',
        text: `written as (
                 delete from :schema.webhooks using context
                 where webhooks.id = $4 and webhooks.board_id = $3 and ${ownsSql(1, 3)}
                 returning null::json as object
               )`,
        values: [webhookId],
      });
    },

    async rotate(writer, boardId, webhookId) {
      const written = await writeBoard<Webhook>(writer, boardId, {
        ...update(
          'rotate',
          `previous_secret = secret, previous_until = now() + interval '${PREVIOUS_HOURS} hours', secret = $5`,
        ),
        values: [webhookId, newSecret()],
      });
      return withSecret(written);
    },

    async readExtent(userId, boardId) {
      const { rows } = await pool.query<PastExtent>({
        name: 'webhook-extent',
        text: `select :schema.current_epoch() as epoch, head::float8 as head, trimmed_to::float8 as "trimmedTo"
               from :schema.board_log where board_id = $1 and ${ownsSql(2, 1)}`,
        values: [boardId, userId],
      });
      return rows[0];
    },

    async replay(writer, boardId, webhookId, seq) {
      return writeBoard<Webhook>(writer, boardId, {
        ...update('replay', 'epoch = :schema.current_epoch(), seq = $5'),
        values: [webhookId, seq],
      });
    },
  };
}
