// GET /boards/:id/presence.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { Reader } from '../access/claims.ts';
import { readerOf } from '../accounts/caller.ts';
import { boardInput, Timestamp, Uuid } from '../http/schemas.ts';
import { RegistryUnavailable } from '../liveness/stream-registry.ts';
import { notFound, unavailable } from '../problems/problem.ts';
import { MOST_NAMED } from './presence-frames.ts';

const PresentOnBoard = Type.Object({
  user: Type.Object({ id: Uuid, name: Type.String() }),
  streams: Type.Integer({ minimum: 1, description: 'How many streams the user has open on the board.' }),
  since: { ...Timestamp, description: 'When the oldest of them was opened, by the clock of the node that holds it.' },
});

export interface PresenceRouteOptions {
  maySee: (reader: Reader, boardId: string) => Promise<boolean>;
}

export const presenceRoutes: FastifyPluginAsyncTypebox<PresenceRouteOptions> = async (app, { maySee }) => {
  app.get(
    '/boards/:id/presence',
    {
      onRequest: app.requireCaller,
      schema: {
        tags: ['Stream'],
        operationId: 'getPresence',
        summary: 'Who has the board open, on any node',
        description:
          'Whoever has closed it is missing here at once, and leaves in the streams (event `presence`) a few seconds ' +
          'later, unless he or she comes back. While the nodes cannot reach each other the answer is 503.',
        security: [{ session: [] }],
        params: Type.Object({ id: boardInput() }),
        response: {
          200: Type.Object({
            users: Type.Array(PresentOnBoard, { maxItems: MOST_NAMED, description: 'In the order of their ids.' }),
            total: Type.Optional(
              Type.Integer({ description: `How many there are, when there are more than the ${MOST_NAMED} named.` }),
            ),
          }),
        },
      },
    },
    async (request) => {
      const { id: boardId } = request.params;
      if (!(await maySee(readerOf(request.caller), boardId))) throw notFound();
      return app.presence.list(boardId).catch((error: unknown) => {
        if (!(error instanceof RegistryUnavailable)) throw error;
        throw unavailable('Who is there is not known at the moment. The streams of the board go on.', error);
      });
    },
  );
};
