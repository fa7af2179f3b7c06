// Wires the end of access: which sessions and tokens are watched here, and who tells of their end.

import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import type { Timings } from '../timings.ts';
import { AccessWatch } from './access-watch.ts';
import { createGrantStore, type GrantStore } from './grant-store.ts';

declare module 'fastify' {
  interface FastifyInstance {
    grants: GrantStore;
    accessWatch: AccessWatch;
  }
}

/** @param options see {@link AccessWatch} */
export default fastifyPlugin(
  async (app: FastifyInstance, { timings }: { timings: Timings['access'] }) => {
    // The end of access must not wait behind writers that hold the whole of the other pool (E6).
    const grants = createGrantStore(app.livePool);
    const accessWatch = new AccessWatch({
      readRemaining: (ids) => grants.readRemaining(ids),
      log: app.log,
      sweepMs: timings.sweepMs,
    });
    app.listener.subscribe({
      onAccessEnded: (grantIds) => accessWatch.announced(grantIds),
      onConnected: () => accessWatch.recheck(),
    });
    app.decorate('grants', grants);
    app.decorate('accessWatch', accessWatch);
    app.addHook('onReady', async () => accessWatch.start());
    app.addHook('onClose', async () => accessWatch.stop());
  },
  { name: 'access', dependencies: ['postgres', 'events'] },
);
