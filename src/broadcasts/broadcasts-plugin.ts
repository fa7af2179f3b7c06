// Wires broadcasts: the queue to the database, and the channels of the boards to the streams of this node.

import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { BroadcastNotifier } from '../events/broadcast-notifier.ts';
import type { Timings } from '../timings.ts';
import { BroadcastQueue } from './broadcast-queue.ts';
import { Broadcasts } from './broadcasts.ts';

declare module 'fastify' {
  interface FastifyInstance {
    broadcastQueue: BroadcastQueue;
    broadcastFigures: Broadcasts['figures'];
  }
}

export interface BroadcastsOptions {
  /** Leads past a transaction pooler. */
  connectionString: string;
  /** Of the database, which has our tables. */
  schema: string;
  timings: Timings['connections'];
}

export default fastifyPlugin(
  async (app: FastifyInstance, options: BroadcastsOptions) => {
    const notifier = new BroadcastNotifier({ ...options, log: app.log });
    const broadcasts = new Broadcasts({ log: app.log });
    app.decorate(
      'broadcastQueue',
      new BroadcastQueue({
        assertUp: () => notifier.assertUp(),
        notify: (notifications) => notifier.notify(notifications),
      }),
    );
    app.decorate('broadcastFigures', broadcasts.figures);
    app.openStreams.subscribe(broadcasts);
    app.listener.subscribeToBroadcasts((boardId, payload) => broadcasts.heard(boardId, payload));

    app.addHook('onReady', () => notifier.start());
    app.addHook('onClose', async () => {
      await Promise.all([broadcasts.stop(), notifier.stop()]);
    });
  },
  { name: 'broadcasts', dependencies: ['events', 'streams'] },
);
