// /boards/:id/items and /boards/:id/items/:itemId.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { readerOf } from '../accounts/caller.ts';
import { isKnown, sendNotModified } from '../http/entity-tags.ts';
import { boardInput, emptyResponse, ifNoneMatch, jsonResponse, notModified, uuidInput } from '../http/schemas.ts';
import { notFound } from '../problems/problem.ts';
import { ItemPatch, NewItem } from './board.ts';
import { explainRefusal } from './board-access.ts';
import { conflictResponse } from './conflict.ts';
import { conditionalHeaders, parseVersions } from './if-match.ts';
import { checkDataPatch, checkNewData } from './item-data.ts';
import { explainItemRefusal } from './item-refusal.ts';
import { writerHeaders, writerOf } from './writer.ts';
import { sendWritten } from './written.ts';

const itemParams = Type.Object({ id: boardInput(), itemId: uuidInput() });
const itemBody = Type.Object({ item: Type.Ref('Item') });
const itemDescription = 'The item. Its ETag is its version, quoted.';
const common = { tags: ['Items'], security: [{ session: [] }] };

export const itemRoutes: FastifyPluginAsyncTypebox = async (app) => {
  // Before the body is read: who is nobody here sends nothing that is worth parsing.
  app.addHook('onRequest', app.requireCaller);

  app.post(
    '/boards/:id/items',
    {
      schema: {
        ...common,
        operationId: 'createItem',
        summary: 'Put an item on a board',
        description:
          'Without `rank` it goes to the end of the list. More items, or more bytes of texts and data (as JSON), than a ' +
          'board may hold are 409 `TB_LIMIT_REACHED`.',
        params: Type.Object({ id: boardInput() }),
        headers: writerHeaders,
        body: NewItem,
        problems: ['TB_FORBIDDEN', 'TB_ID_TAKEN', 'TB_LIMIT_REACHED'],
        response: {
          201: jsonResponse('Made.', itemBody, 'ETag', 'Location', 'Idempotent-Replayed'),
        },
      },
    },
    async (request, reply) => {
      checkNewData(request.body);
      const writer = writerOf(request);
      const created = await app.items.create(writer, request.params.id, request.body);
      if (!created) throw await explainRefusal(app.boards, 'edit', writer, request.params.id);
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
        operationId: 'getItem',
        summary: 'One item',
        params: itemParams,
        headers: ifNoneMatch,
        response: {
          200: jsonResponse(itemDescription, itemBody, 'ETag'),
          304: notModified,
        },
      },
    },
    async (request, reply) => {
      const { id, itemId } = request.params;
      const item = await app.items.get(readerOf(request.caller), id, itemId);
      if (!item) throw notFound();
      reply.header('etag', `"${item.version}"`);
      if (isKnown(request.headers['if-none-match'], `${item.version}`)) return sendNotModified(reply);
      reply.type('application/json; charset=utf-8');
      return reply.serializer((payload) => payload as string).send(`{"item":${item.json}}` as never);
    },
  );

  app.patch(
    '/boards/:id/items/:itemId',
    {
      schema: {
        ...common,
        operationId: 'updateItem',
        summary: 'Change fields of an item',
        description:
          'A merge patch (RFC 7396) of just the fields that it names, so that edits of different fields, or of ' +
          'different members of `data`, never undo each other. One that changes nothing is no event.',
        params: itemParams,
        headers: conditionalHeaders,
        body: ItemPatch,
        problems: ['TB_FORBIDDEN', 'TB_LIMIT_REACHED'],
        response: {
          200: jsonResponse(itemDescription, itemBody, 'ETag', 'Idempotent-Replayed'),
          ...conflictResponse,
        },
      },
    },
    async (request, reply) => {
      const { id: boardId, itemId } = request.params;
      checkDataPatch(request.body);
      const writer = writerOf(request);
      const address = { boardId, itemId, versions: parseVersions(request.headers['if-match']) };
      const updated = await app.items.update(writer, address, request.body);
      if (!updated) throw await explainItemRefusal(app, writer, address, request.body);
      return sendWritten(reply.header('etag', `"${updated.resource.version}"`), 'item', updated);
    },
  );

  app.delete(
    '/boards/:id/items/:itemId',
    {
      schema: {
        ...common,
        operationId: 'deleteItem',
        summary: 'Take an item off its board',
        params: itemParams,
        headers: conditionalHeaders,
        problems: ['TB_FORBIDDEN'],
        response: {
          204: emptyResponse('Deleted.', 'Idempotent-Replayed'),
          ...conflictResponse,
        },
      },
    },
    async (request, reply) => {
      const { id: boardId, itemId } = request.params;
      const writer = writerOf(request);
      const address = { boardId, itemId, versions: parseVersions(request.headers['if-match']) };
      const deleted = await app.items.delete(writer, address);
      if (!deleted) throw await explainItemRefusal(app, writer, address, undefined);
      return sendWritten(reply, 'item', deleted);
    },
  );
};
