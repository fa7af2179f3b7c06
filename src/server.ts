// The process: environment, database, listening, signals. The only file that reads process.env.

import { join, resolve } from 'node:path';
import closeWithGrace from 'close-with-grace';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { buildApp } from './app.ts';
import { type Config, ConfigError, loadConfig } from './config.ts';
import { createLogger } from './logging.ts';
import { EmbeddedPostgres } from './postgres/embedded/embedded-postgres.ts';
import { EmbeddedPostgresError } from './postgres/embedded/embedded-postgres-error.ts';
import { migrate } from './postgres/migrate.ts';
import { curlSession } from './welcome.ts';

/** How long closing may take besides the drain, before the process ends without it. */
const CLOSE_MS = 10_000;

interface Database {
  url: string;
  directUrl: string;
  stop(): Promise<void>;
}

/** Runs a node until it is told to stop. Ends the process with one line when it cannot start. */
export async function serve(environment: NodeJS.ProcessEnv = process.env): Promise<void> {
  try {
    await start(loadConfig(environment));
  } catch (error) {
    console.error(`teamboard: ${explain(error)}`);
    process.exitCode = 1;
  }
}

/** Brings the configured database's schema up to date, then ends. */
export async function migrateOnly(environment: NodeJS.ProcessEnv = process.env): Promise<void> {
  try {
    const config = loadConfig(environment);
    const log = createLogger(config.logLevel, false);
    const database = await openDatabase(config, log);
    try {
      const applied = await migrate(database.directUrl, log);
      console.log(applied.length > 0 ? `Applied ${applied.join(', ')}.` : 'Nothing to do.');
    } finally {
      await database.stop();
    }
  } catch (error) {
    console.error(`teamboard: ${explain(error)}`);
    process.exitCode = 1;
  }
}

async function start(config: Config): Promise<void> {
  const log = createLogger(config.logLevel, process.stdout.isTTY === true);
  const database = await openDatabase(config, log);
  let app: FastifyInstance | undefined;
  try {
    await migrate(database.directUrl, log);
    app = await buildApp({ ...config, databaseUrl: database.url, databaseDirectUrl: database.directUrl }, log);
    stopWithGrace(app, database, config.drainSeconds);
    const address = await app.listen({ port: config.port, host: config.host });
    console.log(`\nTeamboard listens on ${address}, its API is described at ${address}/docs. To try it:\n`);
    console.log(curlSession(address));
  } catch (error) {
    await app?.close();
    await database.stop();
    throw error;
  }
}

async function openDatabase(config: Config, log: Logger): Promise<Database> {
  if (config.databaseUrl !== undefined) {
    const stop = async () => {};
    return { url: config.databaseUrl, directUrl: config.databaseDirectUrl ?? config.databaseUrl, stop };
  }
  const postgres = new EmbeddedPostgres({
    dataDir: resolve(join(config.dataDir, 'postgres')),
    log: { info: (message) => log.info(message), warn: (message) => log.warn(message) },
    onExit: ({ code, signal }) => {
      log.fatal({ code, signal }, 'the embedded PostgreSQL has ended; this process follows, start it again');
      process.kill(process.pid, 'SIGINT');
    },
  });
  const { connectionString } = await postgres.start();
  return { url: connectionString, directUrl: connectionString, stop: () => postgres.stop() };
}

/**
 * SIGTERM is a deploy: the open streams are spread over the drain, so that they do not reach the other nodes in one
 * instant. SIGINT is somebody at the keyboard: now. A second signal ends the process at once.
 */
function stopWithGrace(app: FastifyInstance, database: Database, drainSeconds: number): void {
  closeWithGrace({ delay: drainSeconds * 1000 + CLOSE_MS, logger: app.log }, async ({ signal, err }) => {
    if (err) app.log.fatal({ err }, 'stopping after an error that nobody caught');
    else app.log.info({ signal, streams: app.openStreams.size }, 'stopping');
    if (signal === 'SIGTERM') await app.openStreams.drain(drainSeconds * 1000);
    await app.close();
    await database.stop();
  });
}

function explain(error: unknown): string {
  if (error instanceof ConfigError || error instanceof EmbeddedPostgresError) return error.message;
  const { code, port, message, stack } = error as NodeJS.ErrnoException & { port?: number };
  if (code === 'EADDRINUSE') return `port ${port} is taken: stop what listens there, or set PORT to another.`;
  if (code === 'EACCES' && port !== undefined) return `port ${port} needs more rights: set PORT to one above 1023.`;
  if (code === 'ECONNREFUSED') return `cannot reach DATABASE_URL (${message}): is PostgreSQL running there?`;
  return stack ?? String(error);
}
