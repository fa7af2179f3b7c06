// Nodes, streams and witnesses for tests of the stream registry.

import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Test } from 'tap';
import { RedisStreamRegistry } from '../../src/liveness/redis-stream-registry.ts';
import type { RegisteredStream, RegistryChange, StreamRegistry } from '../../src/liveness/stream-registry.ts';
import type { Logger } from '../../src/logger.ts';
import { until } from './until.ts';

/** A lease that runs out while a test waits. */
export const times = { leaseMs: 600, beatMs: 150, reapMs: 50 };

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
      registry.remove(stream.streamId);
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
  const changes = client.multi().zadd(`${prefix}:nodes`, expiry, node);
  for (const { streamId, boardId, userId } of streams) {
    changes.hset(`${prefix}:n:${node}`, streamId, `${boardId}|${userId}`);
    changes.hset(`${prefix}:b:${boardId}`, streamId, `${userId}|${node}`);
    changes.hincrby(`${prefix}:bu:${boardId}`, userId, 1);
  }
  await changes.exec();
}
