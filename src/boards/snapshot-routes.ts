// GET /boards/:id: all that is on a board, now or as it was.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import type { Reader } from '../access/claims.ts';
import { readerOf } from '../accounts/caller.ts';
import { formatCursor } from '../events/cursor.ts';
import { isKnown, sendNotModified } from '../http/entity-tags.ts';
import { boardInput, ifNoneMatch, jsonResponse, notModified } from '../http/schemas.ts';
import { notFound, Problem } from '../problems/problem.ts';
import { readNamedPlace } from './named-place.ts';
import type { Place, SnapshotReader } from './snapshot.ts';
import { bodyOf } from './snapshot-body.ts';

const TRIMMED =
  'The log of this board does not reach this place: it was trimmed, or is older than what it would take. Take a later cursor.';

export const snapshotRoutes: FastifyPluginAsyncTypebox = async (app) => {
  app.addHook('onRequest', app.requireCaller);

  app.get(
    '/boards/:id',
    {
      schema: {
        tags: ['Boards'],
        security: [{ session: [] }],
        operationId: 'getBoard',
        summary: 'A board with all that is on it',
        description:
          'One consistent snapshot. Open the stream from `cursor` and miss nothing. With `at` it is the board as it was when ' +
          'the event of that cursor was its newest, also what has been deleted since; a place that is still to come is 400.',
        params: Type.Object({ id: boardInput() }),
        querystring: Type.Object({
          at: Type.Optional(
            Type.String({
              description: 'A cursor of this board, of an event, a snapshot or a page: as of then, not as of now.',
              examples: ['5f0c9a3e-42'],
            }),
          ),
        }),
        headers: ifNoneMatch,
        problems: ['TB_TRIMMED', 'TB_TOO_MANY_PAGES'],
        response: {
          200: jsonResponse('The snapshot. Its ETag is the cursor, quoted.', Type.Ref('Snapshot'), 'ETag'),
          304: notModified,
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { at } = request.query;
      const reader = readerOf(request.caller);
      const known = request.headers['if-none-match'];
      return at === undefined ? sendPresent(reader, id, known, reply) : sendPast(reader, id, at, known, reply);
    },
  );

  async function sendPresent(reader: Reader, boardId: string, known: string | undefined, reply: FastifyReply) {
    if (known !== undefined) {
      const place = await app.snapshots.readPlace(reader, boardId);
      if (!place) throw notFound();
      if (isKnown(known, cursorOf(boardId, place))) return sendNotModified(withTag(reply, boardId, place));
    }
    const snapshot = await app.snapshots.read(reader, boardId);
    if (!snapshot) throw notFound();
    return send(reply, boardId, snapshot);
  }

  async function sendPast(reader: Reader, boardId: string, at: string, known: string | undefined, reply: FastifyReply) {
    const extent = await app.past.readExtent(reader, boardId);
    if (!extent) throw notFound();
    const { epoch, trimmedTo } = extent;
    const place = { epoch, seq: readNamedPlace(at, '/at', boardId, extent) };
    if (place.seq < trimmedTo) throw new Problem('TB_TRIMMED', TRIMMED);
    if (isKnown(known, cursorOf(boardId, place))) return sendNotModified(withTag(reply, boardId, place));
    const snapshot = await app.past.read(reader, boardId, place);
    if (!snapshot) throw new Problem('TB_TRIMMED', TRIMMED);
    return send(reply, boardId, snapshot);
  }
};

function cursorOf(boardId: string, { epoch, seq }: Place): string {
  return formatCursor({ epoch, boardId }, seq);
}

function withTag(reply: FastifyReply, boardId: string, place: Place): FastifyReply {
  return reply.header('etag', `"${cursorOf(boardId, place)}"`);
}

/** Already JSON, made by the database: sent as it is. */
function send(reply: FastifyReply, boardId: string, snapshot: SnapshotReader): FastifyReply {
  withTag(reply, boardId, snapshot).header('content-length', snapshot.bytes);
  return reply.type('application/json').send(bodyOf(snapshot, reply.request.raw.socket));
}
