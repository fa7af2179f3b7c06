// Redis servers for tests: a shared one where only its own prefix is touched, and private ones that may be harmed.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { findFreePort } from './free-port.ts';
import type { Teardown } from './teardown.ts';
import { until } from './until.ts';

/** Why tests that need a private server are skipped, if they are. */
export const noPrivateRedis = spawnSync('redis-server', ['--version']).status === 0 ? false : 'no redis-server on PATH';

/** Why tests that need any server are skipped, if they are. */
export const noSharedRedis = process.env.REDIS_URL ? false : noPrivateRedis;

export interface PrivateRedis {
  /** For `createRedisClient`. Stays the same over restarts. */
  url: string;
  /** For the test's own questions and deeds; reconnects after a restart. */
  client: Redis;
  /** The process hangs until `resume()`. */
  pause(): void;
  resume(): void;
  /** Ends the server; with `save` the next `boot()` begins with what it held. */
  shutdown(options: { save: boolean }): Promise<void>;
  /** Starts the server again. */
  boot(): Promise<void>;
  /** Ends everything and removes the folder. */
  stop(): Promise<void>;
}

/** Starts a server on a Unix socket in a folder of its own. Saves nothing unless told at `shutdown`. */
export async function startPrivateRedis(): Promise<PrivateRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'teamboard-redis-'));
  const url = join(folder, 'redis.sock');
  let server = await bootServer(folder, url);
  const client = new Redis(url, { retryStrategy: () => 20, maxRetriesPerRequest: null });
  client.on('error', () => {});
  const shutdown = async ({ save }: { save: boolean }) => {
    if (save) await client.save();
    await kill(server);
  };
  return {
    url,
    client,
    pause: () => void server.kill('SIGSTOP'),
    resume: () => void server.kill('SIGCONT'),
    shutdown,
    boot: async () => {
      server = await bootServer(folder, url);
    },
    stop: async () => {
      client.disconnect();
      await kill(server);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Starts a server on a port, with settings as on its command line; it ends with the test. */
export async function startRedisOnPort(t: Teardown, ...settings: string[]) {
  const at = settings.indexOf('--port');
  const port = at < 0 ? await findFreePort() : Number(settings[at + 1]);
  const folder = await mkdtemp(join(tmpdir(), 'teamboard-redis-'));
  const options = ['--port', `${port}`, '--dir', folder, '--save', '', '--appendonly', 'no', ...settings];
  const server = spawn('redis-server', options, { stdio: 'ignore' });
  const killNow = () => server.kill('SIGKILL');
  // A test that crashes runs no teardown.
  process.once('exit', killNow);
  const [, password = ''] = / --requirepass (\S+)/.exec(` ${settings.join(' ')}`) ?? [];
  // For the test's own questions, as the default user.
  const client = new Redis({ port, password, retryStrategy: () => 10, maxRetriesPerRequest: null });
  client.on('error', () => {});
  t.teardown(async () => {
    client.disconnect();
    await kill(server);
    process.off('exit', killNow);
    await rm(folder, { recursive: true, force: true });
  });
  const ended = once(server, 'exit').then(([code]) => Promise.reject(new Error(`redis-server ended with ${code}`)));
  ended.catch(() => {});
  await Promise.race([ended, until(async () => (await client.ping()) === 'PONG', 'the redis server answers')]);
  return { port, folder, client, kill: () => kill(server), url: `redis://127.0.0.1:${port}` };
}

export interface TestRedis {
  url: string;
  client: Redis;
  /** A prefix that nobody else has. */
  newPrefix(): string;
  /** Leaves nothing under the prefixes. */
  stop(): Promise<void>;
}

/** The server of REDIS_URL, or else a private one. Not to be stopped, paused or flushed. */
export async function useRedis(): Promise<TestRedis> {
  const own = `tb-test-${randomUUID()}`;
  // At most 64 characters.
  const newPrefix = () => `${own}-${randomUUID().slice(0, 8)}`;
  const url = process.env.REDIS_URL;
  if (!url) return { ...(await startPrivateRedis()), newPrefix };
  const client = new Redis(url);
  const stop = async () => {
    for await (const keys of client.scanStream({ match: `${own}-*`, count: 1000 })) {
      if (keys.length > 0) await client.unlink(...keys);
    }
    client.disconnect();
  };
  return { url, client, newPrefix, stop };
}

async function bootServer(folder: string, socket: string): Promise<ChildProcess> {
  const options = ['--port', '0', '--unixsocket', socket, '--dir', folder, '--save', '', '--appendonly', 'no'];
  const server = spawn('redis-server', options, { stdio: 'ignore' });
  // A test that crashes runs no teardown.
  process.once('exit', () => server.kill('SIGKILL'));
  const probe = new Redis(socket, { retryStrategy: () => 10, maxRetriesPerRequest: null });
  probe.on('error', () => {});
  await until(async () => (await probe.ping()) === 'PONG', 'the redis server answers');
  probe.disconnect();
  return server;
}

async function kill(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exited = new Promise((resolve) => server.once('exit', resolve));
  // A paused server ends by this signal too.
  server.kill('SIGKILL');
  await exited;
}
