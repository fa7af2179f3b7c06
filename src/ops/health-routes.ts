// GET /livez and GET /readyz.

import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { answersWithin } from '../postgres/answers.ts';

/** Above this median delay over the last seconds the event loop is choked, and more traffic would make it worse. */
const CHOKED_MS = 1000;
const LOOP_WINDOW_MS = 10_000;
const POSTGRES_ANSWER_MS = 500;

const upOrDown = Type.Union([Type.Literal('up'), Type.Literal('down')]);

const Readiness = Type.Object({
  ready: Type.Boolean(),
  draining: Type.Boolean({ description: 'The node is going down.' }),
  choked: Type.Boolean({ description: 'The event loop is late.' }),
  postgres: upOrDown,
  listener: upOrDown,
  registry: upOrDown,
  nodesApart: Type.Integer({
    description:
      'Other nodes on this database, where this one or they have no Redis: each knows only its own streams, so ' +
      'presence and limits are wrong. 0 where all share one.',
  }),
  otherDatabases: Type.Integer({
    description:
      'Other databases whose nodes use the same Redis and `REDIS_PREFIX`: presence mixes the people of all. 0 where ' +
      'each installation has a prefix of its own.',
  }),
  streams: Type.Integer({ description: 'Open on this node.' }),
});

export const healthRoutes: FastifyPluginAsyncTypebox = async (app) => {
  let delays: IntervalHistogram;
  let window: NodeJS.Timeout;
  let medianDelayMs = 0;

  app.addHook('onReady', async () => {
    delays = monitorEventLoopDelay({ resolution: 20 });
    delays.enable();
    window = setInterval(() => {
      medianDelayMs = delays.percentile(50) / 1e6;
      delays.reset();
    }, LOOP_WINDOW_MS);
  });
  app.addHook('onClose', async () => {
    clearInterval(window);
    delays?.disable();
  });

  app.get(
    '/livez',
    {
      config: { isProbe: true },
      schema: {
        tags: ['Service'],
        operationId: 'getLiveness',
        summary: 'The process answers',
        response: { 200: Type.Object({ alive: Type.Boolean() }) },
      },
    },
    async () => ({ alive: true }),
  );

  app.get(
    '/readyz',
    {
      config: { isProbe: true },
      schema: {
        tags: ['Service'],
        operationId: 'getReadiness',
        summary: 'Whether this node should be sent traffic',
        description:
          'Names the state of PostgreSQL, listener and registry, but an outage of theirs does not fail it: a proxy ' +
          'that took every node away would end every EventSource for good.',
        response: { 200: Readiness, 503: Readiness },
      },
    },
    async (_request, reply) => {
      const draining = app.openStreams.isDraining;
      app.drain.seen();
      const choked = medianDelayMs > CHOKED_MS;
      const ready = !draining && !choked;
      // A check that waits for a database that hangs would time out, and take every node away.
      const answers = await answersWithin(app.pool, POSTGRES_ANSWER_MS);
      return reply.code(ready ? 200 : 503).send({
        ready,
        draining,
        choked,
        postgres: answers ? 'up' : 'down',
        listener: app.listener.isUp ? 'up' : 'down',
        registry: app.registry.state,
        nodesApart: app.otherNodes.count,
        otherDatabases: app.registry.otherDatabases,
        streams: app.openStreams.size,
      });
    },
  );
};
