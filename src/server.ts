// The process: environment, database, listening, signals. The only file that reads process.env.

import { isatty } from 'node:tty';
import closeWithGrace from 'close-with-grace';
import type { FastifyInstance } from 'fastify';
import { buildApp } from './app.ts';
import { type Config, loadConfig } from './config.ts';
import { LogOutput } from './log-output.ts';
import { createLogger } from './logging.ts';
import { type Database, openDatabase } from './postgres/database.ts';
import { migrate } from './postgres/migrate.ts';
import { explainStartError } from './start-error.ts';
import { curlSession } from './welcome.ts';

/** How long closing may take besides the drain, before the process ends without it. */
export const CLOSE_MS = 10_000;

/** Runs a node until it is told to stop. Ends the process with one line when it cannot start. */
export async function serve(): Promise<void> {
  await orExplain(async () => start(loadConfig(process.env)));
}

/** Brings the configured database's schema up to date, then ends. */
export async function migrateOnly(): Promise<void> {
  await orExplain(async () => {
    const config = loadConfig(process.env);
    const output = new LogOutput({ fd: 1 });
    const log = createLogger(config.logLevel, output, false);
    const database = await openDatabase(config, log, () => {});
    try {
      const applied = await migrate(database.directUrl, log);
      output.write(applied.length > 0 ? `Applied ${applied.join(', ')}.\n` : 'Nothing to do.\n');
    } finally {
      await database.stop();
    }
  });
}

async function start(config: Config): Promise<void> {
  const output = new LogOutput({ fd: 1 });
  const log = createLogger(config.logLevel, output, isatty(1));
  let opening: Promise<Database> | undefined;
  let app: FastifyInstance | undefined;
  const stop = async () => {
    await app?.close();
    // Also one that is still starting, when the signal comes early: it would outlive this process.
    const database = await opening?.catch(() => undefined);
    await database?.stop();
  };
  // SIGTERM is a deploy: the open streams are spread over the drain, so that they do not reach the other nodes in one
  // instant, and the port stays open until the proxy in front knows. SIGINT is somebody at the keyboard: now. A second signal ends the process at once.
  const grace = closeWithGrace(
    { delay: config.drainSeconds * 1000 + CLOSE_MS, logger: log },
    async ({ signal, err }) => {
      if (err) log.fatal({ err }, 'stopping after an error that nobody caught');
      else log.info({ signal, streams: app?.openStreams.size }, 'stopping');
      if (signal === 'SIGTERM') await app?.drain.run(config.drainSeconds * 1000);
      await stop();
    },
  );
  try {
    opening = openDatabase(config, log, (how) => {
      log.fatal(how, 'the embedded PostgreSQL has ended, and this process with it: start it again');
      void grace.close();
    });
    const database = await opening;
    await migrate(database.directUrl, log);
    app = await buildApp({ ...config, databaseUrl: database.url, databaseDirectUrl: database.directUrl }, log);
    const address = await app.listen({ port: config.port, host: config.host });
    output.write(`\nTeamboard listens on ${address}, its API is described at ${address}/docs. To try it:\n\n`);
    output.write(`${curlSession(address)}\n`);
  } catch (error) {
    grace.uninstall();
    await stop();
    throw error;
  }
}

async function orExplain(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    new LogOutput({ fd: 2 }).write(`teamboard: ${explainStartError(error)}\n`);
    process.exitCode = 1;
  }
}
