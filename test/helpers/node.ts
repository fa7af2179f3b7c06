// Nodes of Teamboard in this process, on free ports, each file with a database of its own.

import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import pg from 'pg';
import { type Logger, pino } from 'pino';
import type { Test } from 'tap';
import { type AppConfig, buildApp } from '../../src/app.ts';
import { createDatabase, dropDatabase } from './test-cluster.ts';

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
  const pool = new pg.Pool({ connectionString: url, max: 20 });
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
  settings: Partial<AppConfig> & { logger?: Logger; stallMs?: number } = {},
): Promise<TestNode> {
  const logged: TestNode['logged'] = [];
  const stream = { write: (line: string) => void logged.push(JSON.parse(line)) };
  const { logger = pino({ level: 'info' }, stream), stallMs, ...config } = settings;
  const app = await buildApp(
    {
      port: 0,
      host: '127.0.0.1',
      databaseUrl,
      databaseDirectUrl: databaseUrl,
      redisUrl: undefined,
      dataDir: '',
      publicUrl: undefined,
      corsOrigins: [],
      jwtIssuers: [],
      clientAddressHeader: undefined,
      logLevel: 'info',
      heartbeatSeconds: 15,
      streamMaxAgeMinutes: 30,
      drainSeconds: 0,
      presenceHandoverSeconds: 3,
      streamsPerUser: 50,
      streamsPerBoard: 10_000,
      streamsPerNode: 15_000,
      // Only the tests of the limits meet them: many others write as fast as they can.
      accountsPerMinute: 1_000_000,
      writesPerSecond: 1_000_000,
      broadcastsPerSecond: 1_000_000,
      broadcastsFrom: 'viewer',
      ringBytesPerBoard: 256 * 1024,
      ringBytesPerNode: 64 * 1024 * 1024,
      waitingBytesPerNode: 64 * 1024 * 1024,
      boardsPerUser: 1_000_000,
      tokensPerUser: 50,
      membersPerBoard: 1_000_000,
      invitesPerBoard: 1000,
      guestDays: 30,
      itemsPerBoard: 20_000,
      bytesPerBoard: 64 * 1024 * 1024,
      retentionEvents: 10_000,
      retentionDays: 30,
      retentionBytes: 256 * 1024 * 1024,
      ...config,
    },
    logger,
    stallMs,
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
