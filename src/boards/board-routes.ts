// /boards and /boards/:id, but for what is read of one: see snapshot-routes.ts.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { boardInput, emptyResponse, jsonResponse, pageLimit, Uuid, uuidInput } from '../http/schemas.ts';
import { BoardPatch, NewBoard } from './board.ts';
import { readCondition } from './board-condition.ts';
import { explainBoardRefusal } from './board-refusal.ts';
import { boardConflictResponse } from './conflict.ts';
import { boardConditionalHeaders, parseBoardTags } from './if-match.ts';
import { writerHeaders, writerOf } from './writer.ts';
import { sendWritten } from './written.ts';

const params = Type.Object({ id: boardInput() });
const boardBody = Type.Object({ board: Type.Ref('Board') });
const common = { tags: ['Boards'], security: [{ session: [] }] };

export const boardRoutes: FastifyPluginAsyncTypebox = async (app) => {
  // Before the body is read: who is nobody here sends nothing that is worth parsing.
  app.addHook('onRequest', app.requireCaller);

  app.get(
    '/boards',
    {
      schema: {
        ...common,
        operationId: 'listBoards',
        summary: 'My boards, the newest first',
        querystring: Type.Object({ after: Type.Optional(uuidInput()), limit: pageLimit(50, 200) }),
        response: {
          200: Type.Object({
            boards: Type.Array(Type.Ref('Board')),
            next: Type.Union([Uuid, Type.Null()], { description: '`after` of the next page; null on the last one.' }),
          }),
        },
      },
    },
    async (request) => {
      const { after, limit } = request.query;
      const boards = await app.boards.list(request.caller.user.id, after, limit + 1);
      const page = boards.slice(0, limit);
      return { boards: page, next: boards.length > limit ? (page.at(-1)?.id ?? null) : null };
    },
  );

  app.post(
    '/boards',
    {
      schema: {
        ...common,
        operationId: 'createBoard',
        summary: 'Make a board, and own it',
        headers: writerHeaders,
        body: NewBoard,
        problems: ['TB_LIMIT_REACHED', 'TB_KEY_TAKEN'],
        response: {
          201: jsonResponse('Made.', boardBody, 'Location', 'Idempotent-Replayed'),
        },
      },
    },
    async (request, reply) => {
      const created = await app.boards.create(writerOf(request), withTrimmedName(request.body));
      return sendWritten(reply.code(201).header('location', `/boards/${created.resource.id}`), 'board', created);
    },
  );

  app.patch(
    '/boards/:id',
    {
      schema: {
        ...common,
        operationId: 'updateBoard',
        summary: 'Change fields of a board',
        description: 'A merge patch (RFC 7396) of just the fields that it names.',
        params,
        headers: boardConditionalHeaders,
        body: BoardPatch,
        problems: ['TB_FORBIDDEN'],
        response: {
          200: jsonResponse('The board.', boardBody, 'Idempotent-Replayed'),
          ...boardConflictResponse,
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const writer = writerOf(request);
      const patch = withTrimmedName(request.body);
      const condition = await readCondition(app, writer, id, parseBoardTags(request.headers['if-match']));
      const updated = await app.boards.update(writer, id, patch, condition);
      if (!updated) throw await explainBoardRefusal(app, writer, id, condition, patch);
      return sendWritten(reply, 'board', updated);
    },
  );

  app.delete(
    '/boards/:id',
    {
      schema: {
        ...common,
        operationId: 'deleteBoard',
        summary: 'Delete a board with all that is on it',
        params,
        headers: boardConditionalHeaders,
        problems: ['TB_FORBIDDEN'],
        response: {
          204: emptyResponse('Deleted.', 'Idempotent-Replayed'),
          ...boardConflictResponse,
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const writer = writerOf(request);
      const condition = await readCondition(app, writer, id, parseBoardTags(request.headers['if-match']));
      const deleted = await app.boards.delete(writer, id, condition);
      if (!deleted) throw await explainBoardRefusal(app, writer, id, condition, undefined);
      return sendWritten(reply, 'board', deleted);
    },
  );
};

function withTrimmedName<Body extends { name?: string }>(body: Body): Body {
  return body.name === undefined ? body : { ...body, name: body.name.trim() };
}
