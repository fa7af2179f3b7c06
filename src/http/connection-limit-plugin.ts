// How many connections this process takes: fewer than it has file descriptors, so that there is one for the database.

import { readFile } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';

/** Descriptors that are not clients': three pools, three dedicated connections, Redis, the log, files. */
const RESERVE = 100;
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
    const connections = Math.max(1, descriptors - RESERVE);
    if (connections < streamsPerNode) {
      const advice = `raise it (ulimit -n ${streamsPerNode + RESERVE}) or lower STREAMS_PER_NODE`;
      app.log.warn(
        { descriptors, connections, streamsPerNode },
        `fewer file descriptors than streams may need: ${advice}`,
      );
    }
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

/** @returns undefined where the system does not tell (not Linux), or has no limit */
async function readDescriptorLimit(): Promise<number | undefined> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  const [, soft] = /^Max open files\s+(\d+)/m.exec(limits) ?? [];
  return soft === undefined ? undefined : Number(soft);
}
