// Lets pages of the origins on the list read the answers (CORS). All other browsers' pages read nothing.

import fastifyCors from '@fastify/cors';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { canonicalOrigin } from './origin.ts';

/** As long as a browser takes it from anybody: each address costs a question before its first write. */
const PREFLIGHT_SECONDS = 7200;

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** What a page may send besides what every page may. */
const requestHeaders = [
  // What this server reads.
  ...['Accept', 'Authorization', 'Content-Type', 'Idempotency-Key', 'If-Match', 'If-None-Match', 'Last-Event-ID'],
  ...['Stream-Id', 'User-Id'],
  // What libraries and tracing put on every request, and a browser would else not send the request for.
  ...['Cache-Control', 'Pragma', 'X-Requested-With', 'X-Request-ID', 'X-Correlation-ID'],
  ...['Traceparent', 'Tracestate', 'Baggage', 'Sentry-Trace'],
];

/** What a page may read besides what every page may. */
const responseHeaders = [
  ...['Accept-Encoding', 'Allow', 'ETag', 'Idempotent-Replayed', 'Location', 'RateLimit', 'RateLimit-Policy'],
  ...['Retry-After', 'WWW-Authenticate', 'X-Request-Id'],
];

/** Register before whatever may answer: a page can read no error that came without these headers. */
export default fastifyPlugin(
  async (app: FastifyInstance, { allowed }: { allowed: ReadonlySet<string> }) => {
    if (allowed.size === 0) return;
    await app.register(fastifyCors, {
      delegator: ({ headers }: FastifyRequest, done) =>
        done(null, {
          origin: originIn(allowed, headers),
          credentials: true,
          methods,
          allowedHeaders: requestHeaders,
          exposedHeaders: responseHeaders,
          maxAge: PREFLIGHT_SECONDS,
          // Any other OPTIONS is a method that no address has; the plugin would answer it in plain text.
          preflight: asksFirst(headers),
          strictPreflight: false,
        }),
    });
  },
  { name: 'cors' },
);

/**
 * The same for a request that no hook sees.
 *
 * @returns whether it was a browser's question in advance, which is answered now
 */
export function shareUnseen({ method, headers }: FastifyRequest, reply: FastifyReply, allowed: Set<string>): boolean {
  if (allowed.size === 0) return false;
  reply.header('vary', 'Origin');
  const origin = originIn(allowed, headers);
  if (origin === false) return false;
  reply.headers({
    'access-control-allow-origin': origin,
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': responseHeaders.join(', '),
  });
  if (method !== 'OPTIONS' || !asksFirst(headers)) return false;
  reply.code(204).headers({
    'access-control-allow-methods': methods.join(', '),
    'access-control-allow-headers': requestHeaders.join(', '),
    'access-control-max-age': `${PREFLIGHT_SECONDS}`,
  });
  reply.send();
  return true;
}

type Fields = FastifyRequest['headers'];

/** @returns false when it is not on the list: it is never written back */
function originIn(allowed: ReadonlySet<string>, { origin = '' }: Fields): string | false {
  return allowed.has(canonicalOrigin(origin) ?? '') ? origin : false;
}

function asksFirst(headers: Fields): boolean {
  return headers['access-control-request-method'] !== undefined;
}
