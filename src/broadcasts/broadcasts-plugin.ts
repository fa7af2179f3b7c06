// Wires broadcasts: the outbox to the database, and the channels of the boards to the streams of this node.

import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { BroadcastNotifier } from '../events/broadcast-notifier.ts';
import { Broadcasts } from './broadcasts.ts';
import { Outbox } from './outbox.ts';

declare module 'fastify' {
  interface FastifyInstance {
    outbox: Outbox;
  }
}

/** @param options `connectionString` leads past a transaction pooler */
export default fastifyPlugin(
  async (app: FastifyInstance, { connectionString }: { connectionString: string }) => {
    const notifier = new BroadcastNotifier({ connectionString, log: app.log });
    const broadcasts = new Broadcasts({ log: app.log });
    app.decorate(
      'outbox',
      new Outbox({
        assertUp: () => notifier.assertUp(),
        notify: (notifications) => notifier.notify(notifications),
      }),
    );
    app.openStreams.subscribe(broadcasts);
    app.listener.subscribeToBroadcasts((boardId, payload) => broadcasts.heard(boardId, payload));

    app.addHook('onReady', () => notifier.start());
    app.addHook('onClose', async () => {
      await Promise.all([broadcasts.stop(), notifier.stop()]);
    });
  },
  { name: 'broadcasts', dependencies: ['events', 'streams'] },
);
