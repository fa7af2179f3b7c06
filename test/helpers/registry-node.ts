// A node in a process of its own, to be killed or paused by a test: a registry and nothing else.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { RedisStreamRegistry } from '../../src/liveness/redis-stream-registry.ts';
import type { RegisteredStream } from '../../src/liveness/stream-registry.ts';

interface Orders {
  registry: { url: string; prefix: string; leaseMs: number; beatMs: number; reapMs: number };
  streams: RegisteredStream[];
  /** How far the process's clock is ahead. */
  clockSkewMs?: number;
}

/** Resolves when the node has started; its streams are registered soon after. The caller kills it. */
export async function forkRegistryNode(orders: Orders): Promise<ChildProcess> {
  const child = fork(fileURLToPath(import.meta.url));
  child.send(orders);
  await once(child, 'message');
  return child;
}

process.once('message', async ({ registry: options, streams, clockSkewMs = 0 }: Orders) => {
  const trueNow = Date.now;
  Date.now = () => trueNow() + clockSkewMs;
  const registry = new RedisStreamRegistry({ ...options, log: { info() {}, warn() {} } });
  await registry.start();
  for (const stream of streams) registry.add(stream);
  process.send?.('started');
  process.once('disconnect', () => process.exit());
});
