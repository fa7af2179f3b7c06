// A body without a byte is none, whatever the header fields say of it.

import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { isUnsafe } from './unsafe-methods.ts';

/** By which Fastify and our parser would look for a body, and for what it is. */
const bodyFields = ['content-length', 'content-type', 'content-encoding', 'transfer-encoding'];

/**
 * Many clients say of every request that it is JSON, or a form, also of one that deletes something and has no body. To
 * refuse them for that would help nobody. Register before whatever parses.
 */
export default fastifyPlugin(
  async (app: FastifyInstance) => {
    app.addHook('preParsing', async ({ method, raw }, _reply, payload) => {
      if (isUnsafe(method) && (await isEmpty(raw))) for (const name of bodyFields) delete raw.headers[name];
      return payload;
    });
  },
  { name: 'empty-bodies' },
);

async function isEmpty(request: IncomingMessage): Promise<boolean> {
  const { 'content-length': length = '0', 'transfer-encoding': coding } = request.headers;
  return coding === undefined ? Number(length) === 0 : !(await hasBytes(request));
}

/** Waits for the first byte of a body of unknown length, or its end. Takes nothing out of it. */
function hasBytes(request: IncomingMessage): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const settle = (then: () => void) => {
      request.off('readable', look).off('error', leave).off('close', leave);
      then();
    };
    const look = () => {
      if (request.readableLength > 0) settle(() => resolve(true));
      else if (request.complete) settle(() => resolve(false));
    };
    // As Fastify has it for a client that leaves later on: nobody's fault but the client's.
    const leave = () => settle(() => reject(Object.assign(new Error('the client has left'), { statusCode: 400 })));
    request.on('readable', look).on('error', leave).on('close', leave);
    look();
  });
}
