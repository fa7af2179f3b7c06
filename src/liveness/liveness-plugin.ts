// Wires what keeps the open streams true: heartbeat, dead peers, and the registry that other nodes read.

import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { backWithinMs } from '../streams/close-reason.ts';
import { DeadPeers } from './dead-peers.ts';
import { Heartbeat } from './heartbeat.ts';
import { MemoryStreamRegistry } from './memory-stream-registry.ts';
import { RedisStreamRegistry } from './redis-stream-registry.ts';
import type { StreamRegistry } from './stream-registry.ts';

declare module 'fastify' {
  interface FastifyInstance {
    registry: StreamRegistry;
  }
}

export interface LivenessOptions {
  /** Undefined: the registry lives in the process, for one node. */
  redisUrl: string | undefined;
  heartbeatSeconds: number;
  streamMaxAgeMinutes: number;
}

export default fastifyPlugin(
  async (app: FastifyInstance, { redisUrl, heartbeatSeconds, streamMaxAgeMinutes }: LivenessOptions) => {
    const { openStreams } = app;
    const registry: StreamRegistry = redisUrl
      ? new RedisStreamRegistry({ url: redisUrl, log: app.log })
      : new MemoryStreamRegistry({ log: app.log });
    const heartbeat = new Heartbeat({ intervalMs: heartbeatSeconds * 1000, maxAgeMs: streamMaxAgeMinutes * 60_000 });
    const deadPeers = new DeadPeers({ streams: openStreams, log: app.log });

    openStreams.subscribe({
      opened: (stream) => {
        registry.add({ streamId: stream.id, boardId: stream.boardId, userId: stream.userId });
        heartbeat.add(stream);
        deadPeers.watch(stream.socket);
      },
      ended: (stream, reason) => {
        heartbeat.remove(stream);
        registry.remove(stream.id, backWithinMs(reason));
      },
    });
    app.decorate('registry', registry);

    app.addHook('onReady', async () => {
      heartbeat.start();
      deadPeers.start();
      await registry.start();
    });
    app.addHook('onClose', async () => {
      heartbeat.stop();
      await Promise.all([deadPeers.stop(), registry.stop()]);
    });
  },
  { name: 'liveness', dependencies: ['streams'] },
);
