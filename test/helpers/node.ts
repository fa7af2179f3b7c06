// Nodes of Teamboard in this process, on free ports, each file with a database of its own.

import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import pg from 'pg';
import { type Logger, pino } from 'pino';
import type { Test } from 'tap';
import { type AppConfig, buildApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config/config.ts';
import { clientOfSchema } from '../../src/postgres/schema-client.ts';
import type { Timings } from '../../src/timings.ts';
import { createDatabase, dropDatabase } from './test-cluster.ts';
import { unlimited } from './unlimited.ts';

export interface TestDatabase {
  url: string;
  /** Writes as another service or psql would: none of our settings, one statement or several. */
  sql: <Row extends pg.QueryResultRow = pg.QueryResultRow>(text: string, values?: unknown[]) => Promise<Row[]>;
  pool: pg.Pool;
}

/** A migrated database that goes with the test. */
export async function useDatabase(t: Test): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  const url = await createDatabase(name);
  // For the stores of src/ as well, whose statements have places for the schema.
  const pool = new pg.Pool({ connectionString: url, max: 20, Client: clientOfSchema('teamboard') });
  pool.on('error', () => {});
  t.teardown(async () => {
    await pool.end();
    await dropDatabase(name);
  });
  const sql: TestDatabase['sql'] = async (text, values) => {
    const result = await pool.query(text, values);
    return Array.isArray(result) ? (result.at(-1)?.rows ?? []) : result.rows;
  };
  return { url, pool, sql };
}

export interface TestNode {
  /** Without a slash at the end. */
  url: string;
  port: number;
  app: FastifyInstance;
  /** What the node has logged, parsed. */
  logged: Array<Record<string, unknown>>;
  close: () => Promise<void>;
}

/** Listens on a free port of 127.0.0.1 and is closed with the test. A test that leaves one of its streams open fails. */
export async function startNode(
  t: Test,
  databaseUrl: string,
  settings: Partial<AppConfig> & { logger?: Logger; timings?: Timings } = {},
): Promise<TestNode> {
  const logged: TestNode['logged'] = [];
  const stream = { write: (line: string) => void logged.push(JSON.parse(line)) };
  const { logger = pino({ level: 'info' }, stream), timings, ...config } = settings;
  const app = await buildApp(
    {
      ...loadConfig({ ...unlimited, BROADCASTS_PER_SECOND: '1000000', BOARDS_PER_USER: '1000000' }),
      databaseUrl,
      databaseDirectUrl: databaseUrl,
      drainSeconds: 0,
      invitesPerBoard: 1000,
      logRequestsPerSecond: 0,
      ...config,
    },
    logger,
    timings,
  );
  let closed = false;
  const close = async () => {
    if (closed) return;
    closed = true;
    await app.close();
  };
  t.teardown(close);
  const url = await app.listen({ port: 0, host: config.host ?? '127.0.0.1' });
  return { url, port: Number(new URL(url).port), app, logged, close };
}
