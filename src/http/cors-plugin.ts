// Lets pages of the origins on the list read the answers (CORS). All other browsers' pages read nothing.

import fastifyCors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';

const PREFLIGHT_SECONDS = 600;

/** Register before whatever may answer: a page can read no error that came without these headers. */
export default fastifyPlugin(
  async (app: FastifyInstance, { allowed }: { allowed: ReadonlySet<string> }) => {
    if (allowed.size === 0) return;
    await app.register(fastifyCors, {
      // One of ours or none: an origin that is not on the list is never written back.
      origin: (origin, done) => done(null, origin !== undefined && allowed.has(origin) ? origin : false),
      credentials: true,
      methods: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'],
      allowedHeaders: [
        'Authorization',
        'Content-Type',
        'Idempotency-Key',
        'If-Match',
        'If-None-Match',
        'Last-Event-ID',
        'Stream-Id',
      ],
      exposedHeaders: ['ETag', 'Idempotent-Replayed', 'Location', 'RateLimit', 'RateLimit-Policy', 'Retry-After'],
      maxAge: PREFLIGHT_SECONDS,
      // An OPTIONS that is no preflight would be answered in plain text.
      strictPreflight: false,
    });
  },
  { name: 'cors' },
);
