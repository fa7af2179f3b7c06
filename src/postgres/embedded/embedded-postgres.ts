// Owns the life of the PostgreSQL that Teamboard brings along, for development and trying it out.
import { realpath, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { findPackage, prepareBinaries } from './binaries.ts';
import { claimFolder } from './claim.ts';
import { ensureCluster } from './cluster.ts';
import { EmbeddedPostgresError } from './embedded-postgres-error.ts';
import { openEndpoint } from './endpoint.ts';
import { explainFolder, makeFolder } from './folder.ts';
import { stopOrphan } from './orphan.ts';
import type { Exit } from './postgres-process.ts';
import { untilUnserved } from './served-mark.ts';
import { ensureDatabase, startServer } from './server.ts';
import { userToDropTo } from './system-user.ts';

/** Which its server has for us. */
export const databaseName = 'teamboard';
/** How much of a path an error repeats. */
const SHOWN_LENGTH = 200;

export interface EmbeddedPostgresOptions {
  /** Folder of the data, made on the first start. Beside it lie `<dataDir>.log` and files of the same prefix. */
  dataDir: string;
  log: { info(msg: string): void; warn(msg: string): void };
  /** That it takes at a time; default 100, of which a node needs 20. */
  maxConnections?: number;
  /** Called when the running server ends though nobody called `stop()`. It may be started again. */
  onExit?(exit: Exit): void;
}

/** A real PostgreSQL as a child process, reachable from this machine only. */
export class EmbeddedPostgres {
  readonly #options: EmbeddedPostgresOptions;
  /** Gives back what a start has taken, one thing each, in the order of taking. */
  #releases: (() => Promise<void>)[] = [];
  #started: Promise<{ connectionString: string }> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: EmbeddedPostgresOptions) {
    this.#options = options;
  }

  /**
   * Starts the server; resolves when its database `teamboard` accepts connections, with a string for node-postgres.
   * Idempotent. While it stops, starts it again afterwards. @throws EmbeddedPostgresError, with a message of one line
   */
  start(): Promise<{ connectionString: string }> {
    if (this.#stopped) return this.#stopped.then(() => this.start());
    this.#started ??= this.#launch().catch(async (error: unknown) => {
      await this.#release();
      this.#started = undefined;
      throw this.#explained(error);
    });
    return this.#started;
  }

  /** Shuts the server down cleanly; resolves when it is gone. Idempotent. @throws EmbeddedPostgresError if it stays */
  stop(): Promise<void> {
    this.#stopped ??= this.#halt().finally(() => {
      this.#stopped = undefined;
    });
    return this.#stopped;
  }

  async #launch(): Promise<{ connectionString: string }> {
    const { dataDir, log, maxConnections = 100 } = this.#options;
    const folder = await realFolder(dataDir);
    const user = await userToDropTo(folder);
    this.#releases.push(await claimFolder(folder, { log }));
    const binaries = await prepareBinaries(findPackage(process.platform, process.arch), user);
    await stopOrphan(folder, log);
    await untilUnserved(folder, log);
    const logFile = `${folder}.log`;
    await writeFile(logFile, '', { mode: 0o600 });
    const endpoint = await openEndpoint(folder, user);
    this.#releases.push(() => endpoint.close());
    const { initdbArgs } = endpoint;
    const isNew = await ensureCluster({ folder, user, binaries, initdbArgs, logFile });
    if (isNew) log.info(`Created a PostgreSQL data folder: ${folder}`);
    const settings = { ...endpoint.settings, max_connections: String(maxConnections) };
    const server = await startServer({ folder, user, binaries, endpoint: { ...endpoint, settings }, logFile });
    this.#releases.push(() => server.stop());
    await ensureDatabase(endpoint, databaseName);
    server.ended.then((exit) => this.#exited(exit));
    return { connectionString: endpoint.url(databaseName) };
  }

  async #exited(exit: Exit): Promise<void> {
    if (this.#stopped) return;
    await this.stop();
    this.#options.onExit?.(exit);
  }

  async #halt(): Promise<void> {
    await this.#started?.catch(() => undefined);
    await this.#release();
    this.#started = undefined;
  }

  async #release(): Promise<void> {
    for (let release = this.#releases.pop(); release; release = this.#releases.pop()) await release();
  }

  #explained(error: unknown): EmbeddedPostgresError {
    if (error instanceof EmbeddedPostgresError) return error;
    const { dataDir } = this.#options;
    const reason = explainFolder(error) ?? (error instanceof Error ? error.message : String(error));
    const shown = dataDir.length > SHOWN_LENGTH ? `${dataDir.slice(0, SHOWN_LENGTH)}…` : dataDir;
    return new EmbeddedPostgresError(
      `The embedded PostgreSQL cannot use ${shown}: ${reason}; set DATA_DIR to another folder, or DATABASE_URL`,
      { cause: error },
    );
  }
}

/** Makes the parent and follows links: one folder has one name, whoever asks. */
async function realFolder(dataDir: string): Promise<string> {
  const path = resolve(dataDir);
  await makeFolder(dirname(path));
  return realpath(path).catch(async () => join(await realpath(dirname(path)), basename(path)));
}
