// A PgBouncer in front of the run's PostgreSQL, where there is one on this machine.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readAddress } from '../../src/postgres/address.ts';
import { userToDropTo } from '../../src/postgres/embedded/system-user.ts';
import { findFreePort } from './free-port.ts';
import type { Teardown } from './teardown.ts';
import { until } from './until.ts';

const [, minor] =
  /PgBouncer 1\.(\d+)/.exec(spawnSync('pgbouncer', ['--version'], { encoding: 'utf8' }).stdout ?? '') ?? [];

export const hasPgBouncer = minor !== undefined;
/** In transaction mode: version 1.21 or newer, and by default. */
export const keepsStatements = Number(minor) >= 21;
/** Settings by which it does not. */
export const losesStatements = keepsStatements ? ['max_prepared_statements = 0'] : [];

export interface PgBouncerOptions {
  mode: 'session' | 'transaction' | 'statement';
  /** As in pgbouncer.ini, one a line. */
  settings?: string[];
}

/** @returns the address of the same database through it */
export async function startPgBouncer(t: Teardown, url: string, { mode, settings = [] }: PgBouncerOptions) {
  const folder = await mkdtemp(join(tmpdir(), 'teamboard-pgbouncer-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const { host, port, user, database, password } = readAddress(url);
  const listenPort = await findFreePort();
  const ini = [
    '[databases]',
    `* = host=${host} port=${port} user=${user}${password && ` password=${password}`}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${listenPort}`,
    'unix_socket_dir =',
    'auth_type = any',
    `pool_mode = ${mode}`,
    ...settings,
  ];
  const file = join(folder, 'pgbouncer.ini');
  await writeFile(file, `${ini.join('\n')}\n`);
  // It does not run as root, as PostgreSQL does not.
  const owner = await userToDropTo(join(folder, 'data'));
  if (owner) await chown(folder, owner.uid, owner.gid);
  await chmod(folder, 0o755);
  const child = spawn('pgbouncer', [file], {
    ...(owner && { uid: owner.uid, gid: owner.gid }),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(child, 'exit');
  // Whoever is ended for taking too long runs no teardown.
  process.once('exit', () => child.kill('SIGKILL'));
  let output = '';
  child.stderr.on('data', (data) => {
    output += data;
  });
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  await until(() => {
    if (child.exitCode !== null) throw new Error(`PgBouncer ended: ${output}`);
    return output.includes('process up');
  }, 'PgBouncer to be up');
  return `postgres://${user}@127.0.0.1:${listenPort}/${database}`;
}
