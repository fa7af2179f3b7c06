// POST /boards/:id/broadcasts.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { Reader } from '../access/claims.ts';
import { readerOf } from '../accounts/caller.ts';
import { RecentAnswers } from '../background/recent-answers.ts';
import { boardInput, uuidInput } from '../http/schemas.ts';
import { notFound, Problem } from '../problems/problem.ts';
import { MAX_BODY_BYTES, NewBroadcast } from './broadcast.ts';
import { encodeEntry } from './payload.ts';

/** Of members on boards whose answers are remembered. 4 MB. */
const MAX_ROLES = 20_000;
/** From the least to the most. */
const roles = ['viewer', 'editor', 'owner'] as const;
type Role = (typeof roles)[number];

export interface BroadcastRouteOptions {
  /** The least role that may. */
  from: Role;
  /** @returns undefined when the reader may not see the board */
  roleOf: (reader: Reader, boardId: string) => Promise<Role | undefined>;
}

export const broadcastRoutes: FastifyPluginAsyncTypebox<BroadcastRouteOptions> = async (app, { from, roleOf }) => {
  const recentRoles = new RecentAnswers<Role>(MAX_ROLES);

  /** @throws Problem TB_NOT_FOUND, TB_FORBIDDEN */
  const assertMay = async (reader: Reader, boardId: string) => {
    const question = `${reader.userId} ${boardId} ${reader.claims?.digest ?? ''}`;
    const role = await recentRoles.get(question, () => roleOf(reader, boardId));
    if (!role) throw notFound();
    if (roles.indexOf(role) >= roles.indexOf(from)) return;
    throw new Problem('TB_FORBIDDEN', `Here it takes the role of ${from} to broadcast: ask an owner for it.`);
  };

  app.post(
    '/boards/:id/broadcasts',
    {
      onRequest: app.requireRecentCaller,
      bodyLimit: MAX_BODY_BYTES,
      config: { countsAs: 'broadcasts' },
      schema: {
        tags: ['Stream'],
        operationId: 'broadcast',
        summary: 'Tell everyone who has the board open',
        description:
          'An ephemeral event, for cursors and typing: it reaches the streams that are open now, on any node (event ' +
          '`broadcast`), and is kept nowhere. Best effort: told at most once, those of one sender in the order in which ' +
          'a node has taken them; dropped for a client that is slow, and where more is broadcast than can be told. ' +
          'The body may have 7 KB. A role that has ended, like a session, may be believed for a second.',
        security: [{ session: [] }],
        params: Type.Object({ id: boardInput() }),
        headers: Type.Object({
          'stream-id': Type.Optional(
            uuidInput(
              'The `streamId` of the sender’s own stream, which is then not told. The others are told it in `from`, ' +
                'to tell the pages of one user apart; that it is the sender’s, nobody has checked for them.',
            ),
          ),
        }),
        body: NewBroadcast,
        problems: ['TB_FORBIDDEN'],
        response: {
          202: Type.Null({ description: 'Sent to all nodes.' }),
        },
      },
    },
    async (request, reply) => {
      const { id, name: userName } = request.caller.user;
      const boardId = request.params.id;
      await assertMay(readerOf(request.caller), boardId);
      assertFits(request.body);
      const streamId = request.headers['stream-id'];
      const sender = { user: { id, name: userName }, ...(streamId !== undefined && { streamId }) };
      const entry = encodeEntry({ ...request.body, from: sender, at: new Date().toISOString() });
      await app.broadcastQueue.add(boardId, entry);
      // Not null, which would be a body of four letters.
      return reply.code(202).send(undefined as never);
    },
  );
};

/** Of a body that was short enough: a number like 1e20 is longer when it is written out. */
function assertFits(body: NewBroadcast): void {
  if (Buffer.byteLength(JSON.stringify(body)) <= MAX_BODY_BYTES) return;
  throw new Problem('TB_TOO_LARGE', `Written out, this has more than ${MAX_BODY_BYTES} bytes.`);
}
