// GET /streams and DELETE /streams/:streamId: what the caller has open, and the end of one of them.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { type Static, Type } from 'typebox';
import type { Reader } from '../access/claims.ts';
import { readerOf } from '../accounts/caller.ts';
import { CursorText, emptyResponse, Timestamp, Uuid, uuidInput } from '../http/schemas.ts';
import { notFound, Problem } from '../problems/problem.ts';
import type { Stream } from '../streams/stream.ts';
import { RegistryUnavailable, type StreamRegistry } from './stream-registry.ts';

/** Of a stream of many boards, so many are named: 50 streams of 256 boards would be a megabyte. */
const MOST_BOARDS_NAMED = 20;

const Node = Type.String({ description: 'Which node: an id of its own, another after each start.' });

const OwnStream = Type.Object(
  {
    streamId: { ...Uuid, description: 'As its `ready` names it.' },
    openedAt: Timestamp,
    ageSeconds: Type.Integer({ minimum: 0, description: 'By the clock of the node.' }),
    waitingBytes: Type.Integer({ minimum: 0, description: 'Written, and not yet taken by the client.' }),
    boards: Type.Array(
      Type.Object({
        boardId: Uuid,
        cursor: Type.Union([CursorText, Type.Null()], {
          description: 'The last event that was written to it; null while a `reset` or `snapshot` is due.',
        }),
        behind: Type.Integer({
          minimum: 0,
          description: 'Events of the board that this node knows and has not written.',
        }),
      }),
      { maxItems: MOST_BOARDS_NAMED },
    ),
    boardCount: Type.Integer({ minimum: 0, description: `Also those past the ${MOST_BOARDS_NAMED} that are named.` }),
  },
  { $id: 'OwnStream', description: 'An open stream of the caller, on the node that answers.' },
);

const OwnStreams = Type.Object({
  node: { ...Node, description: 'Which node has answered. `streams` are those that it holds.' },
  streams: Type.Array(Type.Ref('OwnStream'), { description: 'The oldest first.' }),
  elsewhere: Type.Optional(
    Type.Union([Type.Array(Type.Object({ streamId: Uuid, node: Node })), Type.Null()], {
      description:
        'With `board`: the streams of the caller on that board that other nodes hold, of which this one knows no more. ' +
        'Null while the nodes cannot reach each other.',
    }),
  ),
});

export const ownStreamSchemas = [OwnStream];

export interface OwnStreamRouteOptions {
  maySee: (reader: Reader, boardId: string) => Promise<boolean>;
}

export const ownStreamRoutes: FastifyPluginAsyncTypebox<OwnStreamRouteOptions> = async (app, { maySee }) => {
  const { openStreams, registry } = app;
  app.addHook('onRequest', app.requireCaller);
  const common = { tags: ['Stream'], security: [{ session: [] }] };
  const streamsOf = (userId: string) => [...openStreams].filter((stream) => stream.userId === userId);

  app.get(
    '/streams',
    {
      schema: {
        ...common,
        operationId: 'listStreams',
        summary: 'Your own open streams, on the node that answers',
        description:
          'Behind a proxy any node may answer: `node` says which one did. The page `/debug/streams` shows it.',
        querystring: Type.Object({
          board: Type.Optional(uuidInput('Tells as well which other nodes hold streams of yours on this board.')),
        }),
        problems: ['TB_NOT_FOUND'],
        response: { 200: OwnStreams },
      },
    },
    async (request) => {
      const userId = request.caller.user.id;
      const { board } = request.query;
      if (board !== undefined && !(await maySee(readerOf(request.caller), board))) throw notFound();
      const elsewhere = board === undefined ? undefined : await elsewhereOf(registry, userId, board);
      return {
        node: registry.node,
        streams: streamsOf(userId).map(describe),
        ...(elsewhere !== undefined && { elsewhere }),
      };
    },
  );

  app.delete(
    '/streams/:streamId',
    {
      schema: {
        ...common,
        operationId: 'endStream',
        summary: 'End one of your own streams',
        description:
          'It gets `close` with `rotated`, as one that has grown old, and its client comes back by its cursor: to see ' +
          'that it misses nothing. 404 for one that another node holds.',
        params: Type.Object({ streamId: uuidInput() }),
        response: { 204: emptyResponse('It has ended.') },
      },
    },
    async (request, reply) => {
      const { streamId } = request.params;
      const stream = streamsOf(request.caller.user.id).find(({ id }) => id === streamId);
      if (!stream) {
        throw new Problem('TB_NOT_FOUND', 'This node holds no such stream of yours. Another one may: try again.');
      }
      stream.close('rotated');
      return reply.code(204).send(null);
    },
  );
};

function describe({ id, openedAt, connection, followers }: Stream): Static<typeof OwnStream> {
  const all = [...followers];
  const ageMs = performance.now() - openedAt;
  return {
    streamId: id,
    openedAt: new Date(Date.now() - ageMs).toISOString(),
    ageSeconds: Math.floor(ageMs / 1000),
    waitingBytes: connection.waitingBytes,
    boards: all.slice(0, MOST_BOARDS_NAMED).map((follower) => ({
      boardId: follower.boardId,
      cursor: follower.isLost ? null : follower.cursorAt(follower.position),
      behind: Math.max(0, follower.head - follower.position),
    })),
    boardCount: all.length,
  };
}

/** @returns null when the nodes do not know of each other now */
async function elsewhereOf(registry: StreamRegistry, userId: string, boardId: string) {
  try {
    const held = await registry.list(boardId);
    return held
      .filter((stream) => stream.userId === userId && stream.node !== registry.node)
      .map(({ streamId, node }) => ({ streamId, node }));
  } catch (error) {
    if (error instanceof RegistryUnavailable) return null;
    throw error;
  }
}
