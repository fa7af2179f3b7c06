// What lies between this process and PostgreSQL: nothing, or a pooler, and what that keeps.

import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { beginWithoutTimeLimits } from '../session-settings.ts';
import { type Target, withClients } from './connect.ts';

/** A pooler that goes round its servers, or has other clients at the moment, may give the same ones a few times. */
const LOOKS = 5;
/** A pooler with a single server lets the second client wait for the first one's transaction. */
const WAIT_MS = 2000;
/** A way that is slow just then may look like such a wait once. */
const WAITS = 2;

export interface Pooling {
  /** `session`: a connection is one to PostgreSQL for as long as it lasts, with or without a pooler. */
  mode: 'session' | 'transaction' | 'statement';
  /** A statement that was prepared by name can be used in the next transaction. */
  keepsStatements: boolean;
}

/**
 * Asks for a session's number while another session holds a transaction, so that a transaction pooler cannot give the
 * same one again. Leaves nothing behind, but a prepared statement with a pooler that loses them.
 *
 * @param waitMs other than the real one: for tests
 */
export async function inspectPooling(target: Target, waitMs: number = WAIT_MS): Promise<Pooling> {
  return withClients(target, [undefined, undefined], async (one: pg.Client, other: pg.Client) => {
    const name = `teamboard_start_${randomBytes(8).toString('hex')}`;
    const askBy = async (client: pg.Client) => {
      const { rows } = await client.query<{ pid: number }>({ name, text: 'select pg_backend_pid() as pid' });
      return rows[0]?.pid;
    };
    try {
      const first = await askBy(one);
      let held: number | undefined;
      for (let looks = 0, waits = 0; looks < LOOKS; looks += 1) {
        await other.query(beginWithoutTimeLimits);
        const before = held;
        held = await askBy(other);
        let isWaiting = true;
        const asked = askBy(one).finally(() => {
          isWaiting = false;
        });
        await Promise.race([asked, delay(waitMs)]);
        await other.query('rollback');
        // What is only late was sent before the rollback, and its answer comes before that one's.
        if (isWaiting) waits += 1;
        const answered = await asked;
        const isShared = held === first || (before !== undefined && held !== before) || answered !== first;
        if (isShared || waits === WAITS) return { mode: 'transaction', keepsStatements: true };
      }
      return { mode: 'session', keepsStatements: true };
    } catch (error) {
      if (isLostStatement(error)) return { mode: 'transaction', keepsStatements: false };
      if (/statement pooling/.test((error as Error).message)) return { mode: 'statement', keepsStatements: false };
      throw error;
    }
  });
}

/** Prepared elsewhere, so that it is unknown here; or prepared here, by somebody else. */
function isLostStatement(error: unknown): boolean {
  return error instanceof pg.DatabaseError && (error.code === '26000' || error.code === '42P05');
}
