// Wires ④ and ⑤ of an event's way: hub, open streams, and their end.

import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { AccessWatch, type ReadRemaining } from './access-watch.ts';
import type { FrameRingsOptions } from './frame-rings.ts';
import { Hub } from './hub.ts';
import { OpenStreams } from './open-streams.ts';

declare module 'fastify' {
  interface FastifyInstance {
    hub: Hub;
    openStreams: OpenStreams;
    accessWatch: AccessWatch;
  }
}

export interface StreamsOptions {
  /** How much of the newest frames is kept in memory. */
  rings: FrameRingsOptions;
  /** Of the sessions and tokens by which streams are open. */
  readRemaining: ReadRemaining;
}

export default fastifyPlugin(
  async (app: FastifyInstance, { rings, readRemaining }: StreamsOptions) => {
    const { listener, eventLog } = app;
    const hub = new Hub({
      log: eventLog,
      logger: app.log,
      listen: (boardId) => listener.listen(boardId),
      unlisten: (boardId) => listener.unlisten(boardId),
      rings,
    });
    const accessWatch = new AccessWatch({ readRemaining, log: app.log });
    listener.subscribe({
      onNotification: (boardId, head) => hub.wake(boardId, head),
      onAccessEnded: (credentialIds) => accessWatch.announced(credentialIds),
      onConnected: (epoch) => {
        hub.resume(epoch);
        accessWatch.recheck();
      },
    });
    const openStreams = new OpenStreams((error) => app.log.error({ err: error }, 'a listener of the streams failed'));
    openStreams.subscribe({
      opened: (stream) => {
        app.log.info(describe(stream), 'stream opened');
      },
      ended: (stream, reason) => {
        const seconds = Math.round((performance.now() - stream.openedAt) / 1000);
        app.log.info({ ...describe(stream), reason, position: stream.position, seconds }, 'stream closed');
      },
    });
    app.decorate('hub', hub);
    app.decorate('openStreams', openStreams);
    app.decorate('accessWatch', accessWatch);

    app.addHook('onReady', async () => {
      hub.start();
      accessWatch.start();
    });
    // Here and not in onClose: the server waits for open responses before it closes, and would wait for ever.
    app.addHook('preClose', async () => openStreams.drain(0));
    app.addHook('onClose', async () => {
      await Promise.all([hub.stop(), accessWatch.stop()]);
    });
  },
  { name: 'streams', dependencies: ['events'] },
);

function describe({ id, boardId, userId }: { id: string; boardId: string; userId: string }) {
  return { streamId: id, boardId, userId };
}
