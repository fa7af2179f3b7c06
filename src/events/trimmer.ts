// Keeps the log of each board from growing for ever.

import type { Pool } from 'pg';
import { LoggedFailures } from '../background/failures.ts';
import { Task } from '../background/task.ts';
import type { Logger } from '../logging/logger.ts';
import { isUnavailable } from '../postgres/database-problem.ts';

/** Between the turns of all nodes together, and how often each looks whether one is due. */
const TURN_MS = 60_000;
const LOOK_MS = 20_000;
/** Events of one transaction: it holds the head's row for milliseconds, and so never keeps a writer waiting. */
const BATCH = 1000;
/** Large values outlive their last event for as long as an answer may name them that is kept for repeats. */
const KEPT_HOURS = 24;

export interface TrimmerOptions {
  pool: Pool;
  log: Logger;
  /** An event goes when it is past both, so many newer ones and so many days; or past so many bytes of the log. */
  retentionEvents: number;
  retentionDays: number;
  retentionBytes: number;
}

// Of all nodes one takes each turn: what there is to trim is found by a look at the log of every board. A time that lies
// ahead is of a clock that was set back. It is the time of the look and not now(), at which the transaction began: another
// may have begun later, and have taken the turn first.
const takeTurnSql = `
  insert into :schema.background_turns (work, taken_at) values ('trim', clock_timestamp())
  on conflict (work) do update set taken_at = excluded.taken_at
  where background_turns.taken_at not between clock_timestamp() - make_interval(secs => $1) and clock_timestamp()`;

/** In which whoever follows a board that was deleted has heard of it. */
const FOLLOWED_HOURS = 1;

// Of a deleted board only the last event stays, which says so, for the days. Boards whose oldest event is young are left
// alone here, by one look into the index each: of a busy board the log is long for all of these days.
const candidatesSql = `
  select board_id as "boardId", case when deleted_at is null then head - $1::bigint else head end as "upTo"
  from :schema.board_log
  where event_bytes > $3::bigint
    or deleted_at < now() - interval '${FOLLOWED_HOURS} hours' and trimmed_to <> head - 1
    or (deleted_at is not null or head - trimmed_to > $1::bigint) and (
      select at < now() - make_interval(days => $2)
      from :schema.board_events where board_id = board_log.board_id and seq > trimmed_to order by seq limit 1)`;

// One statement, one transaction. Trims a prefix of the log and never a hole into it, also where clocks that were set
// back have given a later event an earlier time. The lock is the transaction's, so that it holds behind a pooler too.
const trimSql = `
  with turn as materialized (
    select pg_try_advisory_xact_lock(hashtextextended(:'schema' || ' trim', 0)) as mine
  ), log as materialized (
    select board_log.* from :schema.board_log, turn where mine and board_id = $1
  ), oldest as (
    select seq, at, cost from log join :schema.board_events using (board_id) order by seq limit ${BATCH}
  ), past as (
    select seq, bool_and(
      seq <= $2::bigint and at < now() - make_interval(days => $3)
      or bytes > $4::bigint
      or seq < head and coalesce(deleted_at < now() - interval '${FOLLOWED_HOURS} hours', false)) over (order by seq) as is_past
    -- The bytes of the event and of all newer ones.
    from (select *, log.event_bytes + cost - sum(cost) over (order by seq) as bytes from oldest, log) weighed
  ), trimmed as (
    delete from :schema.board_events where board_id = $1 and seq in (select seq from past where is_past)
    returning seq, last_of, cost
  ), moved as (
    update :schema.board_log set trimmed_to = gone.seq, event_bytes = event_bytes - gone.cost
    from (select max(seq) as seq, sum(cost) as cost from trimmed) gone
    where board_id = $1 and gone.seq is not null
  ), released as (
    update :schema.large_values set expires_at = now() + interval '${KEPT_HOURS} hours'
    where id in (select unnest(last_of) from trimmed)
  )
  select count(*)::int as count from trimmed`;

// The row goes when nothing is left that it could say: a board that was deleted has no head any more. While it has
// items, the row says whose they were.
const forgetSql = `
  delete from :schema.board_log
  where trimmed_to = head and board_id = $1 and not exists (select from :schema.boards where id = $1)
    and not exists (select from :schema.items where board_id = $1)`;

const removeValuesSql = `
  delete from :schema.large_values where id in (
    select id from :schema.large_values where expires_at <= now() order by expires_at limit ${BATCH} for update skip locked)`;

/** Every node has one. One of them trims each minute, for all. */
export class Trimmer {
  readonly #options: TrimmerOptions;
  readonly #task: Task;

  constructor(options: TrimmerOptions) {
    this.#options = options;
    this.#task = new Task({
      run: () => this.#takeTurn(),
      failures: new LoggedFailures({
        log: options.log,
        owner: 'trimmer',
        failing: 'the log is not trimmed',
        healed: 'the log is trimmed again',
        isOutage: isUnavailable,
      }),
      backoff: { firstMs: TURN_MS / 10, lastMs: TURN_MS },
    });
  }

  start(): void {
    void this.#task.start();
  }

  /** Resolves when the batch under way is done. */
  async stop(): Promise<void> {
    await this.#task.stop();
  }

  /** @returns how many events went; 0 also when another node is at it */
  async trim(): Promise<number> {
    const { pool, retentionEvents, retentionDays, retentionBytes } = this.#options;
    const limits = [retentionEvents, retentionDays, retentionBytes];
    const { rows } = await pool.query<{ boardId: string; upTo: string }>(candidatesSql, limits);
    let total = 0;
    for (const { boardId, upTo } of rows) total += await this.#trimBoard(boardId, upTo);
    await this.#removeValues();
    return total;
  }

  async #trimBoard(boardId: string, upTo: string): Promise<number> {
    const { pool, retentionDays, retentionBytes } = this.#options;
    let total = 0;
    let count = BATCH;
    while (count === BATCH && !this.#task.isStopping) {
      const { rows } = await pool.query<{ count: number }>({
        name: 'trimmer-trim',
        text: trimSql,
        values: [boardId, upTo, retentionDays, retentionBytes],
      });
      count = rows[0]?.count ?? 0;
      total += count;
    }
    await pool.query(forgetSql, [boardId]);
    return total;
  }

  async #removeValues(): Promise<void> {
    let count = BATCH;
    while (count === BATCH && !this.#task.isStopping)
      count = (await this.#options.pool.query(removeValuesSql)).rowCount ?? 0;
  }

  async #takeTurn(): Promise<number> {
    const { pool, log } = this.#options;
    const { rowCount } = await pool.query(takeTurnSql, [TURN_MS / 1000]);
    const events = rowCount === 1 ? await this.trim() : 0;
    if (events > 0) log.info({ events }, 'trimmed the log');
    return LOOK_MS * (0.5 + Math.random());
  }
}
