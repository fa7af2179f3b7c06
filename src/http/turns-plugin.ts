// One request of a connection at a time, in the order in which they came.

import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';

/** Requests that may wait on one connection. A browser sends none before its answer, and tools that do send a few. */
const MOST_WAITING = 16;

/** Says when it is its turn: Node gives it the socket once the answer before it has gone out. */
export class TurnResponse<Request extends IncomingMessage = IncomingMessage> extends ServerResponse<Request> {
  override assignSocket(socket: Socket): void {
    super.assignSocket(socket);
    this.emit('turn');
  }
}

/**
 * Node hands over each request as soon as it has read it, also behind one that is not answered yet (RFC 9112, 9.3.2).
 * Its response has no socket until then: whoever writes to it fills memory, and whoever waits for room waits for
 * nothing. So it is not looked at before its turn; behind an open stream that is when the stream has ended. Needs the
 * server to make {@link TurnResponse}s. Register before all other hooks.
 */
export default fastifyPlugin(
  async (app: FastifyInstance) => {
    const waiting = new WeakMap<Socket, number>();
    app.addHook('onRequest', (request, reply, done) => {
      const { socket } = request.raw;
      if (reply.raw.socket) return done();
      const before = waiting.get(socket) ?? 0;
      // Nobody can be told: an answer would have to wait as well.
      if (before >= MOST_WAITING) return void socket.destroy();
      waiting.set(socket, before + 1);
      // When the connection ends before its turn, nobody is left to be answered.
      reply.raw.once('turn', () => {
        waiting.set(socket, (waiting.get(socket) ?? 1) - 1);
        done();
      });
    });
  },
  { name: 'turns' },
);
