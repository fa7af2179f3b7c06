// /boards/:id/items and /boards/:id/items/:itemId.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { notFound } from '../errors.ts';
import { emptyResponse, jsonResponse, problemResponses, uuidInput } from '../http/schemas.ts';
import { ItemPatch, NewItem } from './board.ts';
import { explainRefusal } from './board-access.ts';
import { conflictResponse } from './conflict.ts';
import { conditionalHeaders, parseIfMatch } from './if-match.ts';
import { checkDataPatch, checkNewData } from './item-data.ts';
import { explainItemRefusal } from './item-refusal.ts';
import { sendWritten, writerHeaders, writerOf } from './writer.ts';

const itemParams = Type.Object({ id: uuidInput(), itemId: uuidInput() });
const itemBody = Type.Object({ item: Type.Ref('Item') });
const itemDescription = 'The item. Its ETag is its version, quoted.';
const common = { tags: ['Boards and items'], security: [{ session: [] }] };

export const itemRoutes: FastifyPluginAsyncTypebox = async (app) => {
  // Before the body is read: who is nobody here sends nothing that is worth parsing.
  app.addHook('onRequest', app.requireSession);

  app.post(
    '/boards/:id/items',
    {
      schema: {
        ...common,
        summary: 'Put an item on a board',
        description:
          'Without `rank` it goes to the end of the list. More items, or more bytes of texts and data (as JSON), than a ' +
          'board may hold are 409 `TB_LIMIT_REACHED`.',
        params: Type.Object({ id: uuidInput() }),
        headers: writerHeaders,
        body: NewItem,
        response: {
          201: jsonResponse('Made.', itemBody, 'ETag', 'Location', 'Idempotent-Replayed'),
          ...problemResponses(400, 401, 403, 404, 409, 413, 415, 422, 503),
        },
      },
    },
    async (request, reply) => {
      const writer = writerOf(request);
      checkNewData(request.body);
      const created = await app.items.create(writer, request.params.id, request.body);
      if (!created) throw await explainRefusal(app.boards, 'edit', writer.userId, request.params.id);
      const { id, boardId, version } = created.resource;
      reply.code(201).headers({ etag: `"${version}"`, location: `/boards/${boardId}/items/${id}` });
      return sendWritten(reply, 'item', created);
    },
  );

  app.get(
    '/boards/:id/items/:itemId',
    {
      schema: {
        ...common,
        summary: 'One item',
        params: itemParams,
        response: { 200: jsonResponse(itemDescription, itemBody, 'ETag'), ...problemResponses(401, 404, 503) },
      },
    },
    async (request, reply) => {
      const { id, itemId } = request.params;
      const item = await app.items.get(request.session.user.id, id, itemId);
      if (!item) throw notFound();
      reply.header('etag', `"${item.version}"`).type('application/json; charset=utf-8');
      return reply.serializer((payload) => payload as string).send(`{"item":${item.json}}` as never);
    },
  );

  app.patch(
    '/boards/:id/items/:itemId',
    {
      schema: {
        ...common,
        summary: 'Change fields of an item',
        description:
          'A merge patch (RFC 7396) of just the fields that it names, so that edits of different fields, or of ' +
          'different members of `data`, never undo each other. One that changes nothing is no event.',
        params: itemParams,
        headers: conditionalHeaders,
        body: ItemPatch,
        response: {
          200: jsonResponse(itemDescription, itemBody, 'ETag', 'Idempotent-Replayed'),
          ...problemResponses(400, 401, 403, 404, 409, 413, 415, 422, 503),
          ...conflictResponse,
        },
      },
    },
    async (request, reply) => {
      const { id: boardId, itemId } = request.params;
      const writer = writerOf(request);
      checkDataPatch(request.body);
      const address = { boardId, itemId, versions: parseIfMatch(request.headers['if-match']) };
      const updated = await app.items.update(writer, address, request.body);
      if (!updated) throw await explainItemRefusal(app, writer.userId, address, request.body);
      return sendWritten(reply.header('etag', `"${updated.resource.version}"`), 'item', updated);
    },
  );

  app.delete(
    '/boards/:id/items/:itemId',
    {
      schema: {
        ...common,
        summary: 'Take an item off its board',
        params: itemParams,
        headers: conditionalHeaders,
        response: {
          204: emptyResponse('Deleted.', 'Idempotent-Replayed'),
          ...problemResponses(400, 401, 403, 404, 422, 503),
          ...conflictResponse,
        },
      },
    },
    async (request, reply) => {
      const { id: boardId, itemId } = request.params;
      const writer = writerOf(request);
      const address = { boardId, itemId, versions: parseIfMatch(request.headers['if-match']) };
      const deleted = await app.items.delete(writer, address);
      if (!deleted) throw await explainItemRefusal(app, writer.userId, address, undefined);
      return sendWritten(reply, 'item', deleted);
    },
  );
};
