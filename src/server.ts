// The process: environment, database, listening, signals. The only file that reads process.env.

import { isatty } from 'node:tty';
import closeWithGrace from 'close-with-grace';
import type { FastifyInstance } from 'fastify';
import { makeApplicationToken } from './accounts/application-store.ts';
import { MAX_NAME_LENGTH } from './accounts/user.ts';
import { buildApp, version } from './app.ts';
import { type Config, loadConfig } from './config/config.ts';
import { ConfigError } from './config/config-error.ts';
import { refuseMissingDatabase } from './config/database-choice.ts';
import { findMisspelt } from './config/misspelt-settings.ts';
import { settingNames } from './config/settings.ts';
import { settingsTold } from './config/settings-told.ts';
import { cleanName } from './http/name.ts';
import { createLogger } from './logging/create-logger.ts';
import { LogOutput } from './logging/log-output.ts';
import type { Logger } from './logging/logger.ts';
import { connectionOptions } from './postgres/address.ts';
import { versionOf } from './postgres/answers.ts';
import { type Database, openDatabase } from './postgres/database.ts';
import { clientOfSchema } from './postgres/schema-client.ts';
import { prepareDatabase } from './postgres/start/prepare-database.ts';
import { explainStartError } from './start-error.ts';
import { atKeyboardRetryMs } from './streams/wire/close-reason.ts';
import type { Timings } from './timings.ts';
import { welcome } from './welcome.ts';

/** How long closing may take besides the drain, before the process ends without it. */
export const CLOSE_MS = 10_000;

/**
 * Runs a node until it is told to stop. Ends the process with one line when it cannot start.
 *
 * @param timings other than the real ones: for tests
 */
export async function serve(timings?: Timings): Promise<void> {
  await orExplain(async () => start(readConfig(false), timings));
}

/** Brings the configured database's schema up to date, then ends. */
export async function migrateOnly(): Promise<void> {
  await orExplain(async () => {
    await onDatabase(async (_database, _schema, applied) =>
      applied.length > 0 ? `Applied ${applied.join(', ')}.\n` : 'Nothing to do.\n',
    );
  });
}

/** Makes a token of the application in the configured database, which is brought up to date, and prints it. */
export async function printApplicationToken(name: string): Promise<void> {
  await orExplain(async () => {
    if (cleanName(name, MAX_NAME_LENGTH) !== name) {
      throw new ConfigError(`--application must be a name: one line of 1 to ${MAX_NAME_LENGTH} characters.`);
    }
    await onDatabase(async ({ directUrl }, schema) => {
      const Client = clientOfSchema(schema);
      const client = new Client(connectionOptions(directUrl));
      await client.connect();
      try {
        return `${await makeApplicationToken(client, name)}\n`;
      } finally {
        await client.end();
      }
    });
  });
}

/**
 * Opens the configured database, brings it up to date, and ends with what is printed.
 *
 * @param work is given it, and the migrations that were applied
 */
async function onDatabase(
  work: (database: Database, schema: string, applied: string[]) => Promise<string>,
): Promise<void> {
  const config = readConfig(true);
  const output = new LogOutput({ fd: 1 });
  const log = createLogger(config.logLevel, output, false);
  tellWhatIsRead(config, log);
  const database = await openDatabase(config, log, () => {});
  try {
    const { applied } = await prepareDatabase(database, {
      schema: config.databaseSchema,
      isServing: false,
      log,
      stopping: new AbortController().signal,
    });
    output.write(await work(database, config.databaseSchema, applied));
  } finally {
    await database.stop();
  }
}

function readConfig(isMigrating: boolean): Config {
  const config = loadConfig(process.env);
  refuseMissingDatabase(process.env, isMigrating);
  return config;
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

async function orExplain(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    new LogOutput({ fd: 2 }).write(`teamboard: ${explainStartError(error)}\n`);
    process.exitCode = 1;
  }
}
