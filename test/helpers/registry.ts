// Nodes, streams and witnesses for tests of the stream registry.

import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Test } from 'tap';
import { RedisStreamRegistry } from '../../src/liveness/redis-stream-registry.ts';
import { registryKeys } from '../../src/liveness/registry-keys.ts';
import {
  entryOf,
  type HeldStream,
  type RegisteredStream,
  type RegistryChange,
  RegistryUnavailable,
  type StreamRegistry,
} from '../../src/liveness/stream-registry.ts';
import type { Logger } from '../../src/logging/logger.ts';
import { until } from './until.ts';

/** A lease that runs out while a test waits, and not while a machine stands still for three seconds. */
export const times = { leaseMs: 4000, beatMs: 150, reapMs: 50 };

export const silent: Logger = { info() {}, warn() {} };

/** Collects log lines. */
export function recordingLog() {
  const lines: Array<{ message: string; details: object }> = [];
  const write = (details: object, message: string) => void lines.push({ message, details });
  return {
    info: write,
    warn: write,
    matching: (pattern: RegExp) => lines.filter(({ message }) => pattern.test(message)),
  };
}

/** A machine that stands still for half a second is an outage too; a line for each command would be some dozens. */
export const MOST_OUTAGES = 20;

/** That an outage of Redis was told of when it began and when it had ended, by a line each. */
export function checkOutageLogged(t: Test, log: ReturnType<typeof recordingLog>): void {
  const [away = 0, back = 0] = [/redis is away/, /redis is back/].map((pattern) => log.matching(pattern).length);
  t.ok(away >= 1 && away <= MOST_OUTAGES, `${away} lines for the outage`);
  t.equal(back, away, 'and as many for its end');
}

/** What is registered of a board, as soon as Redis says it: for a machine that has stood still it is away for a moment. */
export function listedBy(registry: StreamRegistry, boardId: string): Promise<HeldStream[]> {
  return until(
    () =>
      registry.list(boardId).catch((error) => {
        if (!(error instanceof RegistryUnavailable)) throw error;
        return undefined;
      }),
    'Redis to list the streams',
  );
}

export function streamOf(boardId: string, userId: string = randomUUID()): RegisteredStream {
  return { streamId: randomUUID(), boardId, userId };
}

/** Each of another user. */
export function manyStreams(count: number, boardId: string): RegisteredStream[] {
  return Array.from({ length: count }, () => streamOf(boardId));
}

export interface NodeOptions {
  url: string;
  prefix: string;
  log?: Logger;
  leaseMs?: number;
  database?: () => string;
}

/** Stops with the test. */
export async function startNode(t: Test, options: NodeOptions): Promise<RedisStreamRegistry> {
  const registry = new RedisStreamRegistry({ log: silent, ...times, ...options });
  t.teardown(() => registry.stop());
  await registry.start();
  return registry;
}

/** Hears the changes of a registry and counts them. */
export function record(registry: StreamRegistry) {
  const heard: RegistryChange[] = [];
  registry.onChange((change) => heard.push(change));
  const actions = (boardId: string, userId?: string) =>
    heard.flatMap((change) => {
      if (change.action === 'resync' || change.boardId !== boardId) return [];
      return userId === undefined || change.userId === userId ? [change.action] : [];
    });
  const count = (action: string, boardId: string, userId?: string) =>
    actions(boardId, userId).filter((heardAction) => heardAction === action).length;
  return {
    heard,
    actions,
    joins: (boardId: string, userId?: string) => count('join', boardId, userId),
    leaves: (boardId: string, userId?: string) => count('leave', boardId, userId),
    /** The last leave of a user. */
    leave: (boardId: string, userId: string) =>
      heard.findLast(
        (change): change is Extract<RegistryChange, { action: 'leave' }> =>
          change.action === 'leave' && change.boardId === boardId && change.userId === userId,
      ),
    resyncs: () => heard.filter(({ action }) => action === 'resync').length,
    /** Resolves when everything that is recorded by now has been heard: what has not come will not come. */
    async marker() {
      const stream = streamOf(randomUUID());
      registry.add(stream);
      await until(() => count('join', stream.boardId) === 1, 'the marker is heard');
      registry.remove(stream);
    },
  };
}

/** A node that died some time ago, with these streams; its lease ends when it is said. */
export async function plantDeadNode(options: {
  client: Redis;
  prefix: string;
  streams: RegisteredStream[];
  expiresInMs: number;
}): Promise<void> {
  const { client, prefix, streams, expiresInMs } = options;
  const node = randomUUID();
  const [seconds, microseconds] = await client.time();
  const expiry = Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000) + expiresInMs;
  const keys = registryKeys(prefix);
  const changes = client.multi().zadd(keys.nodes, expiry, node);
  for (const stream of streams) {
    const { boardId, userId } = stream;
    changes.hset(keys.held(node), entryOf(stream), `${boardId}|${userId}`);
    changes.hset(keys.streams(boardId), entryOf(stream), `${userId}|${node}`);
    changes.hincrby(keys.users(boardId), userId, 1);
  }
  await changes.exec();
}
