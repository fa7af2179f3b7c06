// Wires ④ and ⑤ of an event's way: hub, open streams, and their end.

import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import type { Timings } from '../timings.ts';
import type { FrameRingsOptions } from './fan-out/frame-rings.ts';
import { Hub } from './fan-out/hub.ts';
import { OpenStreams } from './open-streams.ts';
import type { StreamRefusal } from './opening/stream-limits.ts';
import type { Stream } from './stream.ts';

declare module 'fastify' {
  interface FastifyInstance {
    hub: Hub;
    openStreams: OpenStreams;
    /** How many were not opened, by the limit that they met. */
    streamRefusals: Record<StreamRefusal, number>;
  }
}

export interface StreamsOptions {
  /** How much of the newest frames is kept in memory. */
  rings: FrameRingsOptions;
  timings: Timings['streams'];
}

export default fastifyPlugin(
  async (app: FastifyInstance, { rings, timings }: StreamsOptions) => {
    const { listener, eventLog } = app;
    const hub = new Hub({
      log: eventLog,
      logger: app.log,
      listen: (boardId) => listener.listen(boardId),
      unlisten: (boardId) => listener.unlisten(boardId),
      rings,
      timings,
    });
    listener.subscribe({
      onNotification: (boardId, head) => hub.wake(boardId, head),
      onConnected: (epoch) => hub.resume(epoch),
    });
    const openStreams = new OpenStreams((error) => app.log.error({ err: error }, 'a listener of the streams failed'));
    openStreams.subscribe({
      opened: (stream) => {
        app.log.info(describe(stream), 'stream opened');
      },
      ended: (stream, reason) => {
        const seconds = Math.round((performance.now() - stream.openedAt) / 1000);
        const [position] = [...stream.followers].map((follower) => follower.position);
        const sent = { events: stream.written, bytes: stream.connection.sentBytes };
        app.log.info({ ...describe(stream), reason, position, seconds, ...sent }, 'stream closed');
      },
    });
    app.decorate('hub', hub);
    app.decorate('openStreams', openStreams);
    app.decorate('streamRefusals', { user: 0, board: 0, node: 0, address: 0 });

    app.addHook('onReady', async () => hub.start());
    // Here and not in onClose: the server waits for open responses before it closes, and would wait for ever.
    app.addHook('preClose', async () => openStreams.drain(0));
    app.addHook('onClose', async () => hub.stop());
  },
  { name: 'streams', dependencies: ['events', 'access'] },
);

/** Of many boards the first. */
function describe({ id, userId, requestId, followers }: Stream) {
  const boardIds = [...followers].map((follower) => follower.boardId);
  return { streamId: id, boardId: boardIds[0], boards: boardIds.length, userId, requestId };
}
