// One line of the log for each request that was answered, as long as they are not too many.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { RateLimit } from './rate-limit.ts';
import { whatOf } from './request-fields.ts';
import { traceOf } from './request-ids.ts';

/** How often it is told how many had no line. */
const LEFT_OUT_INTERVAL_MS = 10_000;

export interface RequestLogOptions {
  /** Lines, with bursts of twice as many; 0: none. */
  perSecond: number;
}

/**
 * Register after whatever finds out who is calling, and before the routes. A stream is no request here: it has lines of
 * its own, with its id. Nothing stands in a line that a client could choose, but its name for the request: the route and
 * not the address, which may hold a ticket, an invite or a search.
 */
export default fastifyPlugin(
  async (app: FastifyInstance, { perSecond }: RequestLogOptions) => {
    if (perSecond === 0) return;
    const limit = new RateLimit(perSecond);
    let leftOut = 0;
    let toldAt = performance.now();
    const tellLeftOut = () => {
      if (leftOut > 0) app.log.info({ leftOut }, 'so many requests have no line: LOG_REQUESTS_PER_SECOND');
      leftOut = 0;
      toldAt = performance.now();
    };
    app.addHook('onResponse', (request, reply, done) => {
      if (performance.now() - toldAt > LEFT_OUT_INTERVAL_MS) tellLeftOut();
      // What asks every few seconds whether this node is well.
      const isLookedAt = request.routeOptions.config.isProbe && reply.statusCode < 400;
      if (isLookedAt) return done();
      if (limit.take('all') === 0) request.log.info(fieldsOf(request, reply), 'request');
      else leftOut += 1;
      done();
    });
    app.addHook('onClose', async () => tellLeftOut());
  },
  { name: 'request-log', dependencies: ['accounts', 'problem'] },
);

function fieldsOf(request: FastifyRequest, reply: FastifyReply) {
  const trace = traceOf(request.headers);
  return {
    ...whatOf(request),
    status: reply.statusCode,
    ...(reply.problemCode !== '' && { code: reply.problemCode }),
    ms: Math.round(reply.elapsedTime * 10) / 10,
    ...(trace !== undefined && { trace }),
  };
}
