// Wires what keeps the open streams true: heartbeat, vanished clients, and the registry that other nodes read.

import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { backWithinMs } from '../streams/wire/close-reason.ts';
import type { Timings } from '../timings.ts';
import { Heartbeat } from './heartbeat.ts';
import { MemoryStreamRegistry } from './memory-stream-registry.ts';
import { RedisStreamRegistry } from './redis-stream-registry.ts';
import type { StreamRegistry } from './stream-registry.ts';
import { VanishedClients } from './vanished-clients.ts';

declare module 'fastify' {
  interface FastifyInstance {
    registry: StreamRegistry;
  }
}

export interface LivenessOptions {
  /** Undefined: the registry lives in the process, for one node. */
  redisUrl: string | undefined;
  redisPrefix: string;
  heartbeatSeconds: number;
  streamMaxAgeMinutes: number;
  timings: Pick<Timings, 'leases' | 'vanishedClients'>;
}

export default fastifyPlugin(
  async (app: FastifyInstance, options: LivenessOptions) => {
    const { redisUrl, redisPrefix, heartbeatSeconds, streamMaxAgeMinutes, timings } = options;
    const { openStreams, listener } = app;
    const registry: StreamRegistry = redisUrl
      ? new RedisStreamRegistry({
          url: redisUrl,
          prefix: redisPrefix,
          database: () => listener.database,
          log: app.log,
          ...timings.leases,
        })
      : new MemoryStreamRegistry({ log: app.log });
    const heartbeat = new Heartbeat({ intervalMs: heartbeatSeconds * 1000, maxAgeMs: streamMaxAgeMinutes * 60_000 });
    const vanishedClients = new VanishedClients({
      streams: openStreams,
      log: app.log,
      timings: timings.vanishedClients,
    });

    openStreams.subscribe({
      opened: (stream) => {
        heartbeat.add(stream);
        vanishedClients.watch(stream.socket);
      },
      followed: ({ streamId, boardId, userId }) => registry.add({ streamId, boardId, userId }),
      left: (follower, reason) => registry.remove(follower, backWithinMs(reason)),
      ended: (stream) => heartbeat.remove(stream),
    });
    app.decorate('registry', registry);

    app.addHook('onReady', async () => {
      heartbeat.start();
      vanishedClients.start();
      await registry.start();
    });
    app.addHook('onClose', async () => {
      heartbeat.stop();
      await Promise.all([vanishedClients.stop(), registry.stop()]);
    });
  },
  { name: 'liveness', dependencies: ['streams'] },
);
