// GET /boards/:id/items and GET /boards/:id/items/:itemId/history: in pages, for who wants no whole board.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { readerOf } from '../accounts/caller.ts';
import { formatCursor } from '../events/cursor.ts';
import { boardInput, CursorText, pageLimit, Uuid, uuidInput } from '../http/schemas.ts';
import { readTime, timeInput } from '../http/time.ts';
import { notFound } from '../problems/problem.ts';
import { readNamedPlace } from './named-place.ts';

const common = { tags: ['Items'], security: [{ session: [] }], problems: ['TB_TOO_MANY_PAGES' as const] };

export const itemPageRoutes: FastifyPluginAsyncTypebox = async (app) => {
  app.addHook('onRequest', app.requireCaller);

  app.get(
    '/boards/:id/items',
    {
      schema: {
        ...common,
        operationId: 'listItems',
        summary: 'The items of a board, in pages',
        description:
          'In the order of their ids. Each page is one consistent snapshot. Whoever reads all of them gets each item once ' +
          'that was there all the while, whoever writes meanwhile; of what is made or deleted meanwhile, nothing is ' +
          'promised. So keep the `cursor` of the first page, and open the stream (or read events) from there when you have ' +
          'the last: that brings all pages to one state.',
        params: Type.Object({ id: boardInput() }),
        querystring: Type.Object({
          after: Type.Optional(uuidInput('Only items behind this id: `next` of the page before.')),
          limit: pageLimit(100, 500),
          updatedAfter: Type.Optional(
            timeInput(
              'Only items whose `updatedAt` is later. That time is taken when a change is made, a moment before it can be ' +
                'seen: whoever asks again and again should ask from some seconds before, or read the events from a cursor, ' +
                'which also tell what was deleted.',
            ),
          ),
        }),
        response: {
          200: Type.Object({
            items: Type.Array(Type.Ref('Item'), { description: 'Large ones make a page end before its `limit`.' }),
            next: Type.Union([Uuid, Type.Null()], { description: '`after` of the next page; null on the last one.' }),
            cursor: Type.Intersect([CursorText], { description: 'Of this page: the last event that it holds.' }),
          }),
        },
      },
    },
    async (request, reply) => {
      const { id: boardId } = request.params;
      const { after, limit, updatedAfter } = request.query;
      const reader = readerOf(request.caller);
      const since = updatedAfter === undefined ? undefined : readTime(updatedAfter);
      const page = await app.pageTurns.take(reader.userId, () =>
        app.readItemPage(reader, boardId, { after, limit, updatedAfter: since }),
      );
      if (!page) throw notFound();
      const { items, next = null, epoch, seq } = page;
      const cursor = formatCursor({ epoch, boardId }, seq);
      reply.type('application/json; charset=utf-8').serializer((json) => json as string);
      return reply.send(`{"items":[${items.join()}],${JSON.stringify({ next, cursor }).slice(1)}` as never);
    },
  );

  app.get(
    '/boards/:id/items/:itemId/history',
    {
      schema: {
        ...common,
        operationId: 'listItemEvents',
        summary: 'What has happened to an item',
        description:
          'Its events, the newest first, as far back as the log goes; the last one is `created` when that is all of them. ' +
          'Also of an item that was deleted, for as long as the log tells of that.',
        params: Type.Object({ id: boardInput(), itemId: uuidInput() }),
        querystring: Type.Object({
          after: Type.Optional(
            Type.String({
              description: 'Only events older than this cursor: `next` of the page before.',
              examples: ['5f0c9a3e-42'],
            }),
          ),
          limit: pageLimit(100, 500),
        }),
        problems: [...common.problems, 'TB_TRIMMED'],
        response: {
          200: Type.Object({
            events: Type.Array(Type.Ref('ItemChange'), {
              description: 'Large ones make a page end before its `limit`, and so may a long search.',
            }),
            next: Type.Union([CursorText, Type.Null()], {
              description: '`after` of the next page; null when there is none.',
            }),
          }),
        },
      },
    },
    async (request, reply) => {
      const { id: boardId, itemId } = request.params;
      const { after, limit } = request.query;
      const reader = readerOf(request.caller);
      const page = await app.pageTurns.take(reader.userId, async () => {
        let below: number | undefined;
        if (after !== undefined) {
          const extent = await app.itemHistory.readExtent(reader, boardId);
          if (!extent) throw notFound();
          below = readNamedPlace(after, '/after', boardId, extent);
        }
        return app.itemHistory.read(reader, boardId, itemId, { below, limit });
      });
      if (!page) throw notFound();
      const { events, next, epoch } = page;
      const cursor = next === undefined ? 'null' : JSON.stringify(formatCursor({ epoch, boardId }, next));
      reply.type('application/json; charset=utf-8').serializer((json) => json as string);
      return reply.send(`{"events":[${events.join()}],"next":${cursor}}` as never);
    },
  );
};
