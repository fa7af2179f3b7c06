// How many connections this process takes: fewer than it has file descriptors, so that there is one for the database.

import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { adviseOnDescriptors, connectionsOf, readDescriptorLimit } from './descriptor-limit.ts';

const LOG_INTERVAL_MS = 60_000;

/**
 * Out of descriptors, a crowd of clients would take the database's and Redis' with them, and the kernel's refusals leave
 * no trace. So the server stops short of that. A client that is refused sees its connection end, and an EventSource
 * comes back.
 */
export default fastifyPlugin(
  async (app: FastifyInstance, { streamsPerNode }: { streamsPerNode: number }) => {
    const descriptors = await readDescriptorLimit();
    if (descriptors === undefined) return;
    const connections = connectionsOf(descriptors);
    const advice = adviseOnDescriptors(descriptors, streamsPerNode);
    if (advice !== undefined) app.log.warn({ descriptors, connections, streamsPerNode }, advice);
    app.server.maxConnections = connections;
    let dropped = 0;
    let loggedAt = -LOG_INTERVAL_MS;
    app.server.on('drop', () => {
      dropped += 1;
      const now = performance.now();
      if (now - loggedAt < LOG_INTERVAL_MS) return;
      app.log.warn({ connections, dropped }, 'as many connections as this process may have; the next are refused');
      loggedAt = now;
      dropped = 0;
    });
  },
  { name: 'connection-limit' },
);
