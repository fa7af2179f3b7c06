// The process: environment, database, listening, signals. The only file that reads process.env.

import { isatty } from 'node:tty';
import closeWithGrace from 'close-with-grace';
import type { FastifyInstance } from 'fastify';
import { buildApp } from './app.ts';
import { type Config, loadConfig } from './config/config.ts';
import { refuseMissingDatabase } from './config/database-choice.ts';
import { findMisspelt } from './config/misspelt-settings.ts';
import { settingNames } from './config/settings.ts';
import { settingsTold } from './config/settings-told.ts';
import { createLogger } from './logging/create-logger.ts';
import { LogOutput } from './logging/log-output.ts';
import type { Logger } from './logging/logger.ts';
import { versionOf } from './postgres/answers.ts';
import { type Database, openDatabase } from './postgres/database.ts';
import { prepareDatabase } from './postgres/start/prepare-database.ts';
import { atKeyboardRetryMs } from './streams/wire/close-reason.ts';
import type { Timings } from './timings.ts';
import { version } from './version.ts';
import { welcome } from './welcome.ts';

/** How long closing may take besides the drain, before the process ends without it. */
export const CLOSE_MS = 10_000;

/**
 * Runs a node until it is told to stop. Resolves when it listens.
 *
 * @param timings other than the real ones: for tests
 * @throws what `explainStartError` explains, when it cannot start
 */
export async function serve(timings?: Timings): Promise<void> {
  const config = loadConfig(process.env);
  refuseMissingDatabase(process.env, false);
  await start(config, timings);
}

/** What somebody might take for something else, before all that may go wrong. */
function tellWhatIsRead({ databaseUrl, dataDir }: Config, log: Logger): void {
  if (databaseUrl === undefined) {
    log.info({ dataDir }, 'DATABASE_URL is not set: an embedded PostgreSQL keeps the data in the folder DATA_DIR');
  }
  for (const { name, setting } of findMisspelt(process.env, settingNames)) {
    log.warn({ name }, `this variable is no setting, and is not read: is ${setting} meant?`);
  }
}

async function start(config: Config, timings?: Timings): Promise<void> {
  const output = new LogOutput({ fd: 1 });
  const isTerminal = isatty(1);
  const log = createLogger(config.logLevel, output, isTerminal);
  tellWhatIsRead(config, log);
  // Whoever sits at a terminal has just typed those that are no default.
  const settings = isTerminal ? undefined : settingsTold(config);
  log.info({ version, node: process.versions.node, settings }, 'starting');
  const stopping = new AbortController();
  let opening: Promise<Database> | undefined;
  let app: FastifyInstance | undefined;
  let hasBegun = false;
  const stop = async () => {
    stopping.abort();
    // Fastify closes when it has begun, which waits for the database; before that there is nothing to hand over.
    if (hasBegun) await app?.close();
    // Also one that is still starting, when the signal comes early: it would outlive this process.
    const database = await opening?.catch(() => undefined);
    await database?.stop();
  };
  // SIGTERM is a deploy: the open streams are spread over the drain, so that they do not reach the other nodes in one
  // instant, and the port stays open until the proxy in front knows. SIGINT is somebody at the keyboard: now, and whoever
  // follows is to be back soon after the next start. A second signal ends the process at once.
  const grace = closeWithGrace(
    { delay: config.drainSeconds * 1000 + CLOSE_MS, logger: log },
    async ({ signal, err, manual }) => {
      if (err) log.fatal({ err }, 'stopping after an error that nobody caught');
      else log.info({ signal, streams: app?.openStreams.size }, 'stopping');
      if (signal === 'SIGTERM') await app?.drain.run(config.drainSeconds * 1000);
      if (signal === 'SIGINT') await app?.openStreams.drain(0, atKeyboardRetryMs);
      await stop();
      // Whatever watches this process is to start it again.
      if (manual) process.exit(1);
    },
  );
  try {
    opening = openDatabase(config, log, (how) => {
      log.fatal(how, 'the embedded PostgreSQL has ended, and this process with it: start it again');
      void grace.close();
    });
    const database = await opening;
    const { takesSettings } = await prepareDatabase(database, {
      schema: config.databaseSchema,
      isServing: true,
      log,
      stopping: stopping.signal,
    });
    const addresses = { databaseUrl: database.url, databaseDirectUrl: database.directUrl, takesSettings };
    app = await buildApp({ ...config, ...addresses }, log, timings);
    try {
      await app.ready();
    } finally {
      hasBegun = true;
    }
    const address = await app.listen({ port: config.port, host: config.host });
    log.info({ address, postgres: await versionOf(app.pool) }, 'listening');
    const isFirstTry = process.env.NODE_ENV !== 'production';
    output.write(welcome({ address, publicUrl: config.publicUrl, isFirstTry }));
  } catch (error) {
    // It was told to stop while it waited for its database, and ends as it was told.
    if (stopping.signal.aborted) return;
    grace.uninstall();
    await stop();
    throw error;
  }
}
