// POST /boards/:id/tickets.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { notFound, Problem } from '../errors.ts';
import { problemResponses, Timestamp, uuidInput } from '../http/schemas.ts';
import { unauthenticated } from './challenge.ts';

const RETRY_AFTER_SECONDS = 60;

const description = `
Lets one EventSource that can send neither a header nor a cookie (a page of another site, above all) open
\`GET /boards/:id/events?ticket=…\`, the stream or the pages of the log, of this board and nowhere else. It is made with
any credential, says the same user, and ends with that: with the session, the token, the JWT or the membership.

It has 60 seconds to be used first (\`expiresAt\`). From then on it is good again and again, for the reconnects of its
stream: an EventSource comes back to the address that it was made with, and a ticket that could be used once would be
refused then, which ends an EventSource for good. So treat an address with a ticket as a secret. A ticket that is wrong
is 401, also beside a good cookie.

The stream is open to pages of every origin then, because no browser adds a ticket by itself; but only a page of this
server, or of an origin in \`CORS_ORIGINS\`, is allowed to read it.

Takes no \`Idempotency-Key\`: the answer is a secret that is kept nowhere. After an answer that was lost make another one;
what nobody uses is gone in a minute.
`.trim();

export interface TicketRouteOptions {
  /** Whether the user may see the board now. */
  maySee: (userId: string, boardId: string) => Promise<boolean>;
}

export const ticketRoutes: FastifyPluginAsyncTypebox<TicketRouteOptions> = async (app, { maySee }) => {
  app.post(
    '/boards/:id/tickets',
    {
      onRequest: app.requireSession,
      schema: {
        tags: ['Who is calling'],
        summary: 'Make a ticket for one stream of a board',
        description,
        security: [{ session: [] }],
        params: Type.Object({ id: uuidInput() }),
        body: Type.Union([Type.Null(), Type.Object({}, { additionalProperties: false })], {
          description: 'None, or an empty object.',
        }),
        response: {
          201: Type.Object({
            ticket: Type.String({ description: 'The value of `?ticket=`. Shown now and never again.' }),
            expiresAt: { ...Timestamp, description: 'Until then it must have been used.' },
          }),
          ...problemResponses(400, 401, 404, 413, 415, 429, 503),
        },
      },
    },
    async (request, reply) => {
      const { id: boardId } = request.params;
      if (!(await maySee(request.session.user.id, boardId))) throw notFound();
      const made = await app.tickets.create(request.session, boardId);
      if (made === 'ended') throw unauthenticated();
      if (made === 'too many') throw tooManyTickets();
      return reply.code(201).header('cache-control', 'no-store').send(made);
    },
  );
};

function tooManyTickets(): Problem {
  return new Problem('TB_TOO_MANY_TICKETS', 'Use them, or wait for a minute: what nobody uses is gone then.', {
    headers: { 'retry-after': `${RETRY_AFTER_SECONDS}` },
  });
}
