// The one PostgreSQL of a test run: started before the first file, stopped after the last.

import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { EmbeddedPostgres } from '../../src/postgres/embedded/embedded-postgres.ts';
import { stopOrphan } from '../../src/postgres/embedded/orphan.ts';
import { migrate } from '../../src/postgres/migrate.ts';

const PREFIX = 'teamboard-test-';
const TEMPLATE = 'template_teamboard';
const log = { info: () => {}, warn: () => {} };

// The files of a run, and the scripts before and after it, are children of one tap process.
const folder = join(tmpdir(), PREFIX + process.ppid);
const dataDir = join(folder, 'postgres');
const urlFile = join(folder, 'url');

/** Leaves the server running when this process exits. */
export async function startCluster(): Promise<void> {
  await removeStaleClusters();
  await mkdir(folder, { mode: 0o755 });
  await chmod(folder, 0o755);
  // Of all files that run at a time: a node without one answers `busy`, and a test waits for its stream in vain.
  const { connectionString } = await new EmbeddedPostgres({ dataDir, log, maxConnections: 400 }).start();
  const admin = new pg.Client({ connectionString });
  await admin.connect();
  // The data goes with the run: no test pulls the plug of this server.
  await admin.query('alter system set fsync = off');
  await admin.query('alter system set full_page_writes = off');
  // A statement that counts on it fails: behind a pooler, and in a database that is shared, it leads anywhere.
  await admin.query(`alter system set search_path = ''`);
  await admin.query('select pg_reload_conf()');
  await admin.query(`create database ${TEMPLATE}`);
  await admin.end();
  await migrate(databaseUrl(connectionString, TEMPLATE), 'teamboard', log);
  await writeFile(urlFile, connectionString);
}

export async function stopCluster(): Promise<void> {
  await removeCluster(folder);
}

/** @returns the address of a new, migrated database */
export async function createDatabase(name: string): Promise<string> {
  // Checkpoints, which this way needs, cost nothing without fsync; through the log it takes a tenth of a second of CPU.
  await administer(`create database ${name} template ${TEMPLATE} strategy file_copy`);
  return databaseUrl(await clusterUrl(), name);
}

/** @param how as after `create database` @returns the address of a new database without tables */
export async function createEmptyDatabase(name: string, how = ''): Promise<string> {
  await administer(`create database ${name} ${how}`);
  return databaseUrl(await clusterUrl(), name);
}

export async function dropDatabase(name: string): Promise<void> {
  await administer(`drop database ${name} with (force)`);
}

/** One that may log in, owns nothing yet, and has the usual `search_path`. */
export async function createRole(name: string): Promise<void> {
  await administer(`create role ${name} login; alter role ${name} set search_path = "$user", public`);
}

export async function dropRole(name: string): Promise<void> {
  await administer(`drop role ${name}`);
}

async function administer(sql: string): Promise<void> {
  const admin = new pg.Client({ connectionString: await clusterUrl() });
  await admin.connect();
  await admin.query(sql);
  await admin.end();
}

async function clusterUrl(): Promise<string> {
  if (!existsSync(urlFile)) throw new Error('no PostgreSQL for the tests: run them with `npm test` or `npx tap FILE`');
  return readFile(urlFile, 'utf8');
}

function databaseUrl(connectionString: string, name: string): string {
  return connectionString.replace('/teamboard?', `/${name}?`);
}

/** Of runs that were killed. */
async function removeStaleClusters(): Promise<void> {
  const names = (await readdir(tmpdir())).filter((name) => name.startsWith(PREFIX));
  const stale = names.filter((name) => !isAlive(Number(name.slice(PREFIX.length))));
  for (const name of stale) await removeCluster(join(tmpdir(), name));
}

async function removeCluster(path: string): Promise<void> {
  await stopOrphan(join(path, 'postgres'), log);
  await rm(path, { recursive: true, force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
