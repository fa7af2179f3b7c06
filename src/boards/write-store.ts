// How every write of a board is done: one statement, its own transaction, once per key, and a wake-up after its commit.

import { setTimeout as pause } from 'node:timers/promises';
import type { Pool, QueryConfig } from 'pg';
import type { Reader } from '../access/claims.ts';
import { isOutcomeUnknown, isUndoneByOthers } from '../postgres/database-problem.ts';
import { notFound, outcomeUnknown, Problem } from '../problems/problem.ts';
import { WriteTurns } from './write-turns.ts';
import type { Writer } from './writer.ts';
import type { Written } from './written.ts';

export interface WriteStatement {
  /** Of the prepared statement. */
  name: string;
  /**
   * WITH queries, of which `written` gives one row with the column `object` when something was written, and none when
   * not: the resource as JSON, or null when it was deleted. $1 is the writer, $3 the board; the statement's own values
   * begin at $4. Whatever writes or locks rows must select from `context`: that says who writes, comes first, and is
   * empty when this request has been done before. `access` has the writer's role on the board; see {@link mayWrite}.
   */
  text: string;
  values: unknown[];
  /**
   * True when `object` may have large values. `written` then has also `cut`, null or what is remembered of `object` for
   * repeats, and `text_values` and `data_values`: where that is found which `cut` lacks (see `large_values` of
   * postgres/migrations).
   */
  isCut?: boolean;
  /** True when the resource is the board, made by this very write: then a repeat comes with the id of another. */
  makesBoard?: boolean;
}

/**
 * @returns undefined when the statement wrote nothing
 * @throws Problem TB_NOT_FOUND when this repeats what the writer may not see any more;
 *   TB_KEY_REUSED when the key was that of another request; TB_OUTCOME_UNKNOWN when the database was lost
 *   before it answered; TB_UNAVAILABLE when too many writes of the board are under way
 */
export type WriteBoard = <Resource>(
  writer: Writer,
  boardId: string,
  statement: WriteStatement,
) => Promise<Written<Resource> | undefined>;

interface Row {
  json: string | null;
  /** Of the request that this was remembered for; null when it was written just now. */
  requestHash: Buffer | null;
}

/** What a board may hold. It is checked at the commit, by the triggers of postgres/migrations. */
export interface BoardLimits {
  items: number;
  /** Of texts and data, as JSON. */
  bytes: number;
}

export interface WriteBoardOptions {
  pool: Pool;
  /** Tells the other readers of the board's log; called after the commit of each change. */
  wake: (boardId: string) => void;
  limits: BoardLimits;
}

const WAKING_MS = 50;

/** Where a statement writes what editors may write. */
export const mayWrite = `access.role in ('owner', 'editor')`;

export function createWriteBoard({ pool, wake, limits }: WriteBoardOptions): WriteBoard {
  const turns = new WriteTurns();
  return async <Resource>(
    { userId, claims, key, streamId }: Writer,
    boardId: string,
    { name, text, values, isCut = false, makesBoard = false }: WriteStatement,
  ) => {
    const all = [userId, key?.name, boardId, ...values, claims?.json, streamId, limits.items, limits.bytes];
    const statement = key
      ? onceStatement(name, text, [...all, key.requestHash], isCut)
      : plainStatement(name, text, all);
    const run = () => turns.take(boardId, () => pool.query<Row>(statement));
    const { rows } = await run()
      .catch(async (error) => {
        if (!isUndoneByOthers(error)) throw error;
        // The other side is only being woken: whoever is back sooner takes the lock again that it waits for.
        await pause(WAKING_MS);
        return run();
      })
      .catch((error) => {
        throw isOutcomeUnknown(error) ? outcomeUnknown(error) : error;
      });
    const [row] = rows;
    if (!row) return undefined;
    const { json, requestHash } = row;
    if (requestHash && !key?.requestHash.equals(requestHash)) throw keyReused();
    // After a replay as well: the node that wrote it may have died before its wake-up.
    wake(boardId);
    const written: Written<Resource> = {
      get resource() {
        return JSON.parse(json ?? 'null');
      },
      json,
      isReplay: requestHash !== null,
    };
    // What was answered then shows the board. That something was deleted shows nothing, and who left may hear it again.
    const shownBoard = makesBoard ? (written.resource as { id: string }).id : boardId;
    if (written.isReplay && json !== null && !(await mayStillSee(pool, { userId, claims }, shownBoard)))
      throw notFound();
    return written;
  };
}

async function mayStillSee(pool: Pool, { userId, claims }: Reader, boardId: string): Promise<boolean> {
  const { rows } = await pool.query({
    name: 'write-replay-access',
    text: `select from :schema.access_to($1, $2, $3)
           union all select where :schema.is_application($2) limit 1`,
    values: [boardId, userId, claims?.json],
  });
  return rows.length > 0;
}

/**
 * Sets, for this transaction only, who acts, that this node notifies after the commit, and what the board may hold.
 *
 * @param stream number of the parameter with the writer's stream, which the limits follow
 */
function beginWriteSql(stream: number): string {
  return `select :schema.begin_write($1::uuid, $2, $${stream}, $${stream + 1}, $${stream + 2})`;
}

/** @param claims number of the parameter with those of the writer */
function accessSql(claims: number): string {
  return `access as (select role from :schema.access_to($3::uuid, $1::uuid, $${claims}::jsonb))`;
}

/** @param values the last four are the writer's claims and stream, and the limits */
function plainStatement(name: string, text: string, values: unknown[]): QueryConfig {
  return {
    name,
    text: `with context as materialized (${beginWriteSql(values.length - 2)}), ${accessSql(values.length - 3)}, ${text}
           select object::text as json, null::bytea as "requestHash" from written`,
    values,
  };
}

/**
 * Looks for the key, writes and remembers in one round trip.
 *
 * @param values the last five are the writer's claims and stream, the limits and the hash of the request
 */
function onceStatement(name: string, text: string, values: unknown[], isCut: boolean): QueryConfig {
  return {
    name: `${name}-once`,
    text: `with remembered as materialized (
             select request_hash, result, text_values, data_values from :schema.claim_key($1::uuid, $2)
           ), context as materialized (
             ${beginWriteSql(values.length - 3)} where not exists (select from remembered)
           ), ${accessSql(values.length - 4)}, ${text}, kept as (
             insert into :schema.idempotency_keys (user_id, key, request_hash, result, text_values, data_values)
             select $1, $2, $${values.length}, ${isCut ? 'coalesce(cut, object), text_values, data_values' : 'object, null, null'}
             from written
           )
           select object::text as json, null::bytea as "requestHash" from written
           union all
           select :schema.whole_answer(result, text_values, data_values), request_hash from remembered`,
    values,
  };
}

function keyReused(): Problem {
  return new Problem(
    'TB_KEY_REUSED',
    'Within 24 hours a key stands for one request: repeat that one as it was (method, path and body), or take a new key.',
  );
}
