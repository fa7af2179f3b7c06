// POST /boards/:id/tickets and POST /tickets.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { MOST_BOARDS } from '../http/board-list.ts';
import { boardInput, OPTIONAL, Timestamp, uuidInput } from '../http/schemas.ts';
import { notFound, Problem } from '../problems/problem.ts';
import { assertApplication } from './application-token.ts';
import { unauthenticated } from './challenge.ts';
import { MAX_UNUSED } from './ticket-store.ts';

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

const manyDescription = `
The same as \`POST /boards/:id/tickets\`, for \`GET /events?boards=…&ticket=…\`: it opens the stream, or the pages, of any of
these boards, together or alone, and the reconnects with others of them. A board that it does not name, and one of which its
maker is no member any more, is refused as one that does not exist. So is one that the caller may not see now: a page that
asks for all of its boards loses that one only. Where the caller may see none of them it is 404.
`.trim();

const Ticket = Type.Object({
  ticket: Type.String({ description: 'The value of `?ticket=`. Shown now and never again.' }),
  expiresAt: { ...Timestamp, description: 'Until then it must have been used.' },
});

const ForUser = Type.Optional(
  uuidInput(
    'For a token of the application: whose stream it opens, a member of the board. It ends with that token then, with ' +
      'the membership, and with `DELETE /users/:id/streams`. The caller when it is absent.',
  ),
);

export const ticketRoutes: FastifyPluginAsyncTypebox = async (app) => {
  async function make({ caller }: FastifyRequest, boardIds: string[], userId: string | undefined) {
    if (userId !== undefined) assertApplication(caller);
    const made = await app.tickets.create({ user: { id: userId ?? caller.user.id }, grant: caller.grant }, boardIds);
    if (made === 'none') throw notFound();
    if (made === 'ended') throw unauthenticated();
    if (made === 'too many') throw tooManyTickets();
    return made;
  }

  app.post(
    '/boards/:id/tickets',
    {
      onRequest: app.requireCaller,
      schema: {
        tags: ['Accounts'],
        operationId: 'createTicket',
        summary: 'Make a ticket for one stream of a board',
        description,
        security: [{ session: [] }],
        params: Type.Object({ id: boardInput() }),
        body: Type.Object({ userId: ForUser }, { additionalProperties: false, [OPTIONAL]: true, examples: [{}] }),
        problems: ['TB_FORBIDDEN', 'TB_TOO_MANY_TICKETS'],
        response: {
          201: Ticket,
        },
      },
    },
    async (request, reply) => {
      const made = await make(request, [request.params.id], request.body.userId);
      return reply.code(201).header('cache-control', 'no-store').send(made);
    },
  );

  app.post(
    '/tickets',
    {
      onRequest: app.requireCaller,
      schema: {
        tags: ['Accounts'],
        operationId: 'createManyTicket',
        summary: 'Make a ticket for one stream of many boards',
        description: manyDescription,
        security: [{ session: [] }],
        body: Type.Object(
          { boards: Type.Array(boardInput(), { minItems: 1, maxItems: MOST_BOARDS }), userId: ForUser },
          { additionalProperties: false, examples: [{ boards: ['01981f5c-8c1e-7b6a-9d53-2f0e4a6b8c10'] }] },
        ),
        problems: ['TB_FORBIDDEN', 'TB_NOT_FOUND', 'TB_TOO_MANY_TICKETS'],
        response: {
          201: Ticket,
        },
      },
    },
    async (request, reply) => {
      const made = await make(request, request.body.boards, request.body.userId);
      return reply.code(201).header('cache-control', 'no-store').send(made);
    },
  );
};

function tooManyTickets(): Problem {
  const detail = `You have ${MAX_UNUSED} that nobody has used: use them, or wait for a minute, then they are gone.`;
  return new Problem('TB_TOO_MANY_TICKETS', detail, { headers: { 'retry-after': `${RETRY_AFTER_SECONDS}` } });
}
