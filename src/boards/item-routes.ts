// /boards/:id/items and /boards/:id/items/:itemId.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { notFound } from '../errors.ts';
import { jsonResponse, problemResponses, Uuid } from '../http/schemas.ts';
import { ItemPatch, NewItem } from './board.ts';
import { explainRefusal } from './board-access.ts';
import { writerHeaders, writerOf } from './write-board.ts';

const itemParams = Type.Object({ id: Uuid, itemId: Uuid });
const itemBody = Type.Object({ item: Type.Ref('Item') });
const itemResponse = jsonResponse('The item. Its ETag is its version, quoted.', itemBody, 'ETag');
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
        description: 'Without `rank` it goes to the end of the list.',
        params: Type.Object({ id: Uuid }),
        headers: writerHeaders,
        body: NewItem,
        response: {
          201: jsonResponse('Made.', itemBody, 'ETag', 'Location'),
          ...problemResponses(400, 401, 403, 404, 413, 415, 503),
        },
      },
    },
    async (request, reply) => {
      const writer = writerOf(request);
      const item = await app.items.create(writer, request.params.id, request.body);
      if (!item) throw await explainRefusal(app.boards, 'edit', writer.userId, request.params.id);
      return reply
        .code(201)
        .headers({ etag: `"${item.version}"`, location: `/boards/${item.boardId}/items/${item.id}` })
        .send({ item });
    },
  );

  app.get(
    '/boards/:id/items/:itemId',
    {
      schema: {
        ...common,
        summary: 'One item',
        params: itemParams,
        response: { 200: itemResponse, ...problemResponses(401, 404, 503) },
      },
    },
    async (request, reply) => {
      const { id, itemId } = request.params;
      const item = await app.items.get(request.session.user.id, id, itemId);
      if (!item) throw notFound();
      return reply.header('etag', `"${item.version}"`).send({ item });
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
        headers: writerHeaders,
        body: ItemPatch,
        response: { 200: itemResponse, ...problemResponses(400, 401, 403, 404, 413, 415, 503) },
      },
    },
    async (request, reply) => {
      const { id, itemId } = request.params;
      const writer = writerOf(request);
      const item = await app.items.update(writer, id, itemId, request.body);
      if (!item) throw await explainRefusal(app.boards, 'edit', writer.userId, id);
      return reply.header('etag', `"${item.version}"`).send({ item });
    },
  );

  app.delete(
    '/boards/:id/items/:itemId',
    {
      schema: {
        ...common,
        summary: 'Take an item off its board',
        params: itemParams,
        headers: writerHeaders,
        response: { 204: Type.Null({ description: 'Deleted.' }), ...problemResponses(400, 401, 403, 404, 503) },
      },
    },
    async (request, reply) => {
      const { id, itemId } = request.params;
      const writer = writerOf(request);
      const deleted = await app.items.delete(writer, id, itemId);
      if (!deleted) throw await explainRefusal(app.boards, 'edit', writer.userId, id);
      return reply.code(204).send(null);
    },
  );
};
