// A PostgreSQL of one's own, to be stopped, crashed and failed over. The run's shared one is never harmed.

import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { findPackage, prepareBinaries } from '../../src/postgres/embedded/binaries.ts';
import { ensureCluster } from '../../src/postgres/embedded/cluster.ts';
import { openEndpoint } from '../../src/postgres/embedded/endpoint.ts';
import { readPostmasterPid } from '../../src/postgres/embedded/postmaster-pid.ts';
import { type Server, startServer } from '../../src/postgres/embedded/server.ts';
import { giveTo, userToDropTo } from '../../src/postgres/embedded/system-user.ts';
import { migrate } from '../../src/postgres/migrate.ts';
import type { Teardown } from './teardown.ts';

export interface PrivatePostgres {
  /** The address of its migrated database, the same over restarts and fail-overs. */
  url: string;
  /** The folder of the data; another one after a fail-over. */
  readonly folder: string;
  /** A shutdown in order: connections are ended, everything is written. */
  stop(): Promise<void>;
  /** Ends without a word to the data (`pg_ctl -m immediate`): the next start recovers from the log. */
  crash(): Promise<void>;
  /** Resolves when it accepts connections. */
  start(): Promise<void>;
  /** Stops, copies the data as they are, and starts again. @returns the folder of the copy */
  copy(): Promise<string>;
  /**
   * Crashes, and promotes the copy in its place: a new timeline, without what was written after {@link copy}.
   *
   * @param asStandby called before the promotion, while the copy can be read and not written
   */
  failOver(copy: string, asStandby?: () => Promise<void>): Promise<void>;
  /** Stops, and promotes a copy in its place: a new timeline that holds all that was written. */
  promoteCopy(): Promise<void>;
}

export interface PrivatePostgresOptions {
  /** Where the data lie: a small file system, for who wants it full. Default: a temporary folder. */
  parent?: string;
  /** As in postgresql.conf. */
  settings?: Record<string, string>;
}

const DATABASE = 'teamboard';
const log = { info: () => {}, warn: () => {} };

export async function startPrivatePostgres(
  t: Teardown,
  { parent = tmpdir(), settings = {} }: PrivatePostgresOptions = {},
): Promise<PrivatePostgres> {
  const home = await mkdtemp(join(parent, 'teamboard-own-postgres-'));
  t.teardown(() => rm(home, { recursive: true, force: true, maxRetries: 5 }));
  let folder = join(home, 'data');
  const user = await userToDropTo(folder);
  const binaries = await prepareBinaries(findPackage(process.platform, process.arch), user);
  const endpoint = await openEndpoint(folder, user);
  t.teardown(() => endpoint.close());
  const logFile = join(home, 'log');
  const url = endpoint.url(DATABASE);
  let server: Server | undefined;
  let pid: number | undefined;
  t.teardown(() => crash());
  // Whoever is killed runs no teardown, and the server has a process group of its own.
  process.once('exit', () => pid && process.kill(pid, 'SIGQUIT'));

  await ensureCluster({ folder, user, binaries, initdbArgs: endpoint.initdbArgs, logFile });
  await start();
  await run('postgres', `create database ${DATABASE}`);
  await migrate(url, 'teamboard', log);
  return {
    url,
    start,
    stop,
    crash,
    copy,
    failOver,
    promoteCopy,
    get folder() {
      return folder;
    },
  };

  async function start(): Promise<void> {
    // Survives what is done to its processes here; only a power cut needs fsync.
    const all = { ...endpoint.settings, fsync: 'off', ...settings };
    server = await startServer({ folder, user, binaries, endpoint: { ...endpoint, settings: all }, logFile });
    pid = (await readPostmasterPid(folder))?.pid;
    void server.ended.then(() => {
      pid = undefined;
    });
  }

  async function stop(): Promise<void> {
    await server?.stop();
    server = undefined;
  }

  async function crash(): Promise<void> {
    if (!server) return;
    if (pid) process.kill(pid, 'SIGQUIT');
    await server.ended;
    server = undefined;
  }

  async function copy(): Promise<string> {
    await stop();
    const target = await copyFolder();
    await start();
    return target;
  }

  async function copyFolder(): Promise<string> {
    const target = await mkdtemp(join(home, 'copy-'));
    await cp(folder, target, { recursive: true });
    if (user) await giveTo(user, target);
    return target;
  }

  async function failOver(target: string, asStandby?: () => Promise<void>): Promise<void> {
    await crash();
    await promote(target, asStandby);
  }

  async function promoteCopy(): Promise<void> {
    await stop();
    const former = folder;
    await promote(await copyFolder());
    await rm(former, { recursive: true, force: true });
  }

  async function promote(target: string, asStandby = async () => {}): Promise<void> {
    await writeFile(join(target, 'standby.signal'), '');
    folder = target;
    await start();
    await asStandby();
    await run('postgres', 'select pg_promote()');
  }

  async function run(database: string, sql: string): Promise<void> {
    const client = new pg.Client({ connectionString: endpoint.url(database) });
    await client.connect();
    await client.query(sql).finally(() => client.end());
  }
}
