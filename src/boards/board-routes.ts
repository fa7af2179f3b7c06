// /boards and /boards/:id.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { notFound } from '../errors.ts';
import { formatCursor } from '../events/cursor.ts';
import { emptyResponse, jsonResponse, pageLimit, problemResponses, Uuid, uuidInput } from '../http/schemas.ts';
import { BoardPatch, NewBoard } from './board.ts';
import { explainRefusal } from './board-access.ts';
import { bodyOf } from './snapshot-body.ts';
import { sendWritten, writerHeaders, writerOf } from './writer.ts';

const params = Type.Object({ id: uuidInput() });
const boardBody = Type.Object({ board: Type.Ref('Board') });
const common = { tags: ['Boards and items'], security: [{ session: [] }] };

export const boardRoutes: FastifyPluginAsyncTypebox = async (app) => {
  // Before the body is read: who is nobody here sends nothing that is worth parsing.
  app.addHook('onRequest', app.requireSession);

  app.get(
    '/boards',
    {
      schema: {
        ...common,
        summary: 'My boards, the newest first',
        querystring: Type.Object({ after: Type.Optional(uuidInput()), limit: pageLimit(50, 200) }),
        response: {
          200: Type.Object({
            boards: Type.Array(Type.Ref('Board')),
            next: Type.Union([Uuid, Type.Null()], { description: '`after` of the next page; null on the last one.' }),
          }),
          ...problemResponses(400, 401, 503),
        },
      },
    },
    async (request) => {
      const { after, limit } = request.query;
      const boards = await app.boards.list(request.session.user.id, after, limit + 1);
      const page = boards.slice(0, limit);
      return { boards: page, next: boards.length > limit ? (page.at(-1)?.id ?? null) : null };
    },
  );

  app.post(
    '/boards',
    {
      schema: {
        ...common,
        summary: 'Make a board, and own it',
        headers: writerHeaders,
        body: NewBoard,
        response: {
          201: jsonResponse('Made.', boardBody, 'Location', 'Idempotent-Replayed'),
          ...problemResponses(400, 401, 409, 413, 415, 422, 503),
        },
      },
    },
    async (request, reply) => {
      const created = await app.boards.create(writerOf(request), withTrimmedName(request.body));
      return sendWritten(reply.code(201).header('location', `/boards/${created.resource.id}`), 'board', created);
    },
  );

  app.get(
    '/boards/:id',
    {
      schema: {
        ...common,
        summary: 'A board with all that is on it',
        description: 'One consistent snapshot. Open the stream from `cursor` and miss nothing.',
        params,
        headers: Type.Object({ 'if-none-match': Type.Optional(Type.String()) }),
        response: {
          200: jsonResponse('The snapshot. Its ETag is the cursor, quoted.', Type.Ref('Snapshot'), 'ETag'),
          304: Type.Null({ description: 'Nothing has happened since the snapshot that `If-None-Match` names.' }),
          ...problemResponses(401, 404, 503),
        },
      },
    },
    async (request, reply) => {
      const userId = request.session.user.id;
      const boardId = request.params.id;
      const etagOf = ({ epoch, seq }: { epoch: string; seq: number }) => `"${formatCursor({ epoch, boardId }, seq)}"`;
      const known = request.headers['if-none-match'];
      if (known !== undefined) {
        const place = await app.snapshots.readPlace(userId, boardId);
        if (!place) throw notFound();
        const current = etagOf(place);
        if (matches(known, current)) return reply.code(304).header('etag', current).send(null);
      }
      const snapshot = await app.snapshots.read(userId, boardId);
      if (!snapshot) throw notFound();
      reply.header('etag', etagOf(snapshot)).header('content-length', snapshot.bytes);
      // Already JSON, made by the database: sent as it is.
      return reply.type('application/json').send(bodyOf(snapshot, request.raw.socket) as never);
    },
  );

  app.patch(
    '/boards/:id',
    {
      schema: {
        ...common,
        summary: 'Change fields of a board',
        description: 'A merge patch (RFC 7396) of just the fields that it names.',
        params,
        headers: writerHeaders,
        body: BoardPatch,
        response: {
          200: jsonResponse('The board.', boardBody, 'Idempotent-Replayed'),
          ...problemResponses(400, 401, 403, 404, 413, 415, 422, 503),
        },
      },
    },
    async (request, reply) => {
      const writer = writerOf(request);
      const updated = await app.boards.update(writer, request.params.id, withTrimmedName(request.body));
      if (!updated) throw await explainRefusal(app.boards, 'edit', writer.userId, request.params.id);
      return sendWritten(reply, 'board', updated);
    },
  );

  app.delete(
    '/boards/:id',
    {
      schema: {
        ...common,
        summary: 'Delete a board with all that is on it',
        params,
        headers: writerHeaders,
        response: {
          204: emptyResponse('Deleted.', 'Idempotent-Replayed'),
          ...problemResponses(400, 401, 403, 404, 422, 503),
        },
      },
    },
    async (request, reply) => {
      const writer = writerOf(request);
      const deleted = await app.boards.delete(writer, request.params.id);
      if (!deleted) throw await explainRefusal(app.boards, 'own', writer.userId, request.params.id);
      return sendWritten(reply, 'board', deleted);
    },
  );
};

/** RFC 9110, 13.1.2: a list of entity tags, compared weakly, or `*`. */
function matches(ifNoneMatch: string, etagNow: string): boolean {
  const tags = ifNoneMatch.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes('*') || tags.includes(etagNow);
}

function withTrimmedName<Body extends { name?: string }>(body: Body): Body {
  return body.name === undefined ? body : { ...body, name: body.name.trim() };
}
