// Wires what waits for clients into the server: the budget of the node, and the watch over ordinary answers.

import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import type { Timings } from '../timings.ts';
import { OpenAnswers } from './open-answers.ts';
import { WaitingBytes } from './waiting-bytes.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** What all parts of this node together may have waiting for clients. */
    waitingBytes: WaitingBytes;
  }
}

export interface OutputOptions {
  waitingBytesPerNode: number;
  timings: Timings['output'];
}

/** Register before the routes: its hooks see the answers of those that come later. A stream's reply is taken over. */
export default fastifyPlugin(
  async (app: FastifyInstance, { waitingBytesPerNode, timings }: OutputOptions) => {
    const waiting = new WaitingBytes(waitingBytesPerNode, timings.stallMs);
    app.decorate('waitingBytes', waiting);
    const answers = new OpenAnswers({ waiting, log: app.log });
    app.addHook('onSend', (request, reply, payload, done) => {
      answers.add(request.raw, reply.raw, bytesOf(payload));
      done();
    });
    app.addHook('onResponse', (request, reply, done) => {
      answers.delete(request.raw, reply.raw);
      done();
    });
    app.addHook('onReady', async () => answers.start());
    app.addHook('onClose', async () => answers.stop());
  },
  { name: 'output' },
);

/** Of one that is piped it is what its source holds at a time. */
function bytesOf(payload: unknown): number {
  if (typeof payload === 'string' || Buffer.isBuffer(payload)) return Buffer.byteLength(payload);
  return payload instanceof Readable ? payload.readableHighWaterMark : 0;
}
