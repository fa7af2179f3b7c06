// Wires the metrics: what is counted, and who may read it.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { Server } from 'node:http';
import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { Registry } from 'prom-client';
import { Type } from 'typebox';
import { bearerOf } from '../../http/bearer.ts';
import { Problem } from '../../problems/problem.ts';
import { listenForScrapes } from './metrics-server.ts';
import { addNodeMetrics } from './node-metrics.ts';
import { addRequestMetrics } from './request-metrics.ts';
import { addStreamMetrics } from './stream-metrics.ts';
import { addWebhookMetrics } from './webhook-metrics.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Where the metrics are, on a port of their own. */
    metricsPort: () => number | undefined;
  }
}

export interface MetricsOptions {
  version: string;
  /** Undefined: none of their own. */
  port: number | undefined;
  host: string;
  /** Undefined: then there is no `GET /metrics` beside the other routes. */
  token: string | undefined;
}

/** Without a port or a token nothing is collected, and nobody can read anything. Register before the routes. */
export default fastifyPlugin(
  async (app: FastifyInstance, { version, port, host, token }: MetricsOptions) => {
    let server: Server | undefined;
    app.decorate('metricsPort', () => {
      const address = server?.address();
      return typeof address === 'object' ? address?.port : undefined;
    });
    if (port === undefined && token === undefined) return;
    const registry = new Registry();
    addStreamMetrics(registry, app);
    addNodeMetrics(registry, app, version);
    addWebhookMetrics(registry, app);
    const answered = addRequestMetrics(registry);
    app.addHook('onResponse', (request, reply, done) => {
      answered({
        method: request.method,
        route: request.routeOptions.url,
        status: reply.statusCode,
        ms: reply.elapsedTime,
        code: reply.problemCode || undefined,
      });
      done();
    });
    const mayRead = (authorization: string | undefined) =>
      token === undefined || isSame(bearerOf(authorization) ?? '', token);
    if (token !== undefined) addRoute(app, registry, mayRead);
    if (port !== undefined) {
      app.addHook('onReady', async () => {
        server = await listenForScrapes({
          port,
          host,
          contentType: registry.contentType,
          answer: async (authorization) => (mayRead(authorization) ? registry.metrics() : undefined),
        });
      });
      app.addHook('onClose', async () => {
        server?.closeAllConnections();
        await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
      });
    }
  },
  { name: 'metrics', dependencies: ['problem', 'streams', 'events', 'liveness', 'broadcasts', 'output', 'webhooks'] },
);

function addRoute(app: FastifyInstance, registry: Registry, mayRead: (authorization?: string) => boolean): void {
  app.get(
    '/metrics',
    {
      config: { isProbe: true },
      schema: {
        tags: ['Service'],
        operationId: 'getMetrics',
        summary: 'What this node has counted, for Prometheus',
        security: [{ metrics: [] }],
        problems: ['TB_UNAUTHENTICATED'],
        response: { 200: { description: 'Text.', content: { 'text/plain': { schema: Type.String() } } } },
      },
    },
    async (request, reply) => {
      if (!mayRead(request.headers.authorization)) {
        throw new Problem('TB_UNAUTHENTICATED', 'Send METRICS_TOKEN: Authorization: Bearer.', {
          headers: { 'www-authenticate': 'Bearer realm="metrics"' },
        });
      }
      return reply
        .type(registry.contentType)
        .serializer((text) => text as string)
        .send(await registry.metrics());
    },
  );
}

/** In the same time, whatever they have in common. */
function isSame(one: string, other: string): boolean {
  const [digest, otherDigest] = [one, other].map((text) => createHash('sha256').update(text).digest());
  return digest !== undefined && otherDigest !== undefined && timingSafeEqual(digest, otherDigest);
}
