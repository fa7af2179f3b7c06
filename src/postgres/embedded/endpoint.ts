// Owns where clients reach the server, so that only this machine's rightful user does.
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { chown, mkdtemp, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { basename, join } from 'node:path';
import { hasCode } from './embedded-postgres-error.ts';
import { type SystemUser, temporaryFolder } from './system-user.ts';

const socketFolderPrefix = 'teamboard-pg-';
const socketPort = 5432;

export interface Endpoint {
  /** How a new cluster checks who connects. */
  initdbArgs: string[];
  /** Settings of the server. */
  settings: Record<string, string>;
  /** Connection string for node-postgres. */
  url(database: string): string;
  close(): Promise<void>;
}

/** Prepares the way to the server of this data folder: a private Unix socket, or on Windows a port with a password. */
export function openEndpoint(folder: string, user: SystemUser | undefined): Promise<Endpoint> {
  return process.platform === 'win32' ? openPort(folder) : openSocket(user);
}

/** The socket does not lie in the data folder: its path must stay below about 100 bytes. */
async function openSocket(user: SystemUser | undefined): Promise<Endpoint> {
  const folder = await mkdtemp(join(await temporaryFolder(user), socketFolderPrefix));
  // Nobody finds it again: its name is by chance.
  const leave = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', leave);
  if (user) await chown(folder, user.uid, user.gid);
  return {
    initdbArgs: ['--auth=trust'],
    settings: { listen_addresses: '', unix_socket_directories: folder, port: `${socketPort}` },
    url: (database) => socketUrl(folder, database),
    close: async () => {
      await removeSocketFolder(folder);
      process.removeListener('exit', leave);
    },
  };
}

/** @returns a string for node-postgres, said in full: a PGPORT or PGSSLMODE meant for another server would be taken for what is missing */
export function socketUrl(folder: string, database: string): string {
  return `postgres://postgres@/${database}?host=${encodeURIComponent(folder)}&port=${socketPort}&sslmode=disable`;
}

/** Removes a socket folder of ours, with what a killed server leaves in it. Leaves any other folder alone. */
export async function removeSocketFolder(folder: string): Promise<void> {
  if (!basename(folder).startsWith(socketFolderPrefix)) return;
  const socket = join(folder, `.s.PGSQL.${socketPort}`);
  await rm(socket, { force: true });
  await rm(`${socket}.lock`, { force: true });
  // What is left in a temporary folder is no reason to fail.
  await rmdir(folder).catch(() => undefined);
}

async function openPort(folder: string): Promise<Endpoint> {
  const passwordFile = `${folder}.password`;
  await writeFile(passwordFile, randomBytes(24).toString('hex'), { flag: 'wx', mode: 0o600 }).catch(
    (error: unknown) => {
      if (!hasCode(error, 'EEXIST')) throw error;
    },
  );
  const password = await readFile(passwordFile, 'utf8');
  const port = await freePort();
  return {
    initdbArgs: ['--auth=scram-sha-256', `--pwfile=${passwordFile}`],
    settings: { listen_addresses: '127.0.0.1', port: `${port}` },
    url: (database) => `postgres://postgres:${password}@127.0.0.1:${port}/${database}?sslmode=disable`,
    close: async () => {},
  };
}

/** PostgreSQL does not take port 0. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : socketPort;
}
