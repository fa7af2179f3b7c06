// /boards/:id/webhooks and what is below it.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { Reader } from '../access/claims.ts';
import { readerOf } from '../accounts/caller.ts';
import { explainRefusal } from '../boards/board-access.ts';
import { readNamedPlace } from '../boards/named-place.ts';
import { writerHeaders, writerOf } from '../boards/writer.ts';
import { sendWritten } from '../boards/written.ts';
import { boardInput, CursorText, emptyResponse, jsonResponse, uuidInput } from '../http/schemas.ts';
import { Problem } from '../problems/problem.ts';
import { NewWebhook, secretText, WebhookPatch } from './webhook.ts';
import { readWebhookUrl } from './webhook-url.ts';

const boardParams = Type.Object({ id: boardInput() });
const params = Type.Object({ id: boardInput(), webhookId: uuidInput() });
const common = { tags: ['Webhooks'], security: [{ session: [] }] };
const one = Type.Object({ webhook: Type.Ref('Webhook') });
const withSecret = Type.Object({ webhook: Type.Ref('Webhook'), secret: secretText });

/** @param options `allowPrivate`: whether one may lead to this machine and the network around it */
export const webhookRoutes: FastifyPluginAsyncTypebox<{ allowPrivate: boolean }> = async (app, { allowPrivate }) => {
  // Before the body is read: who is nobody here sends nothing that is worth parsing.
  app.addHook('onRequest', app.requireCaller);
  const refusal = (reader: Reader, boardId: string) => explainRefusal(app.boards, 'own', reader, boardId);

  app.post(
    '/boards/:id/webhooks',
    {
      schema: {
        ...common,
        operationId: 'createWebhook',
        summary: 'Have the changes of a board sent to an address',
        description:
          'For owners. From now on each change is sent as a request (`POST`) to the address, signed by the scheme of ' +
          '[Standard Webhooks](https://www.standardwebhooks.com), one after the other and until it is answered with 2xx. The ' +
          'secret is in this answer alone.',
        params: boardParams,
        headers: writerHeaders,
        body: NewWebhook,
        problems: ['TB_FORBIDDEN', 'TB_LIMIT_REACHED'],
        response: { 201: jsonResponse('Made.', withSecret, 'Location', 'Idempotent-Replayed') },
      },
    },
    async (request, reply) => {
      const { id: boardId } = request.params;
      const writer = writerOf(request);
      const url = readWebhookUrl(request.body.url, allowPrivate);
      const made = await app.webhooks.create(writer, boardId, { ...request.body, url });
      if (!made) throw await refusal(writer, boardId);
      app.deliveries.look();
      if (made.isReplay) reply.header('idempotent-replayed', 'true');
      const { webhook, secret } = made;
      return reply.code(201).header('location', `/boards/${boardId}/webhooks/${webhook.id}`).send({ webhook, secret });
    },
  );

  app.get(
    '/boards/:id/webhooks',
    {
      schema: {
        ...common,
        operationId: 'listWebhooks',
        summary: 'Where the changes of a board are sent',
        description: 'For owners. All of the board, the oldest first.',
        params: boardParams,
        problems: ['TB_FORBIDDEN'],
        response: { 200: Type.Object({ webhooks: Type.Array(Type.Ref('Webhook')) }) },
      },
    },
    async (request) => {
      const { id: userId } = request.caller.user;
      const webhooks = await app.webhooks.list(userId, request.params.id);
      if (!webhooks) throw await refusal(readerOf(request.caller), request.params.id);
      return { webhooks };
    },
  );

  app.get(
    '/boards/:id/webhooks/:webhookId',
    {
      schema: {
        ...common,
        operationId: 'getWebhook',
        summary: 'One of them, and how it goes',
        description: 'For owners.',
        params,
        problems: ['TB_FORBIDDEN'],
        response: { 200: one },
      },
    },
    async (request) => {
      const { id: userId } = request.caller.user;
      const { id: boardId, webhookId } = request.params;
      const webhook = await app.webhooks.find(userId, boardId, webhookId);
      if (!webhook) throw await refusal(readerOf(request.caller), boardId);
      return { webhook };
    },
  );

  app.patch(
    '/boards/:id/webhooks/:webhookId',
    {
      schema: {
        ...common,
        operationId: 'updateWebhook',
        summary: 'Change, pause or resume it',
        description:
          'For owners. A new address, and resuming, forget what has failed, and make it the webhook of who did that.',
        params,
        headers: writerHeaders,
        body: WebhookPatch,
        problems: ['TB_FORBIDDEN'],
        response: { 200: jsonResponse('As it is now.', one, 'Idempotent-Replayed') },
      },
    },
    async (request, reply) => {
      const { id: boardId, webhookId } = request.params;
      const { url, ...others } = request.body;
      const patch = { ...others, ...(url !== undefined && { url: readWebhookUrl(url, allowPrivate) }) };
      const writer = writerOf(request);
      const written = await app.webhooks.change(writer, boardId, webhookId, patch);
      if (!written) throw await refusal(writer, boardId);
      app.deliveries.look();
      return sendWritten(reply, 'webhook', written);
    },
  );

  app.delete(
    '/boards/:id/webhooks/:webhookId',
    {
      schema: {
        ...common,
        operationId: 'deleteWebhook',
        summary: 'Send nothing there any more',
        description: 'For owners. A request that is under way is not taken back.',
        params,
        headers: writerHeaders,
        problems: ['TB_FORBIDDEN'],
        response: { 204: emptyResponse('Deleted.', 'Idempotent-Replayed') },
      },
    },
    async (request, reply) => {
      const { id: boardId, webhookId } = request.params;
      const writer = writerOf(request);
      const written = await app.webhooks.remove(writer, boardId, webhookId);
      if (!written) throw await refusal(writer, boardId);
      app.deliveries.look();
      return sendWritten(reply, undefined, written);
    },
  );

  app.post(
    '/boards/:id/webhooks/:webhookId/secret',
    {
      schema: {
        ...common,
        operationId: 'rotateWebhookSecret',
        summary: 'Give it another secret',
        description:
          'For owners. For 24 hours the secret before signs beside it: each request then has two signatures, of which a ' +
          'receiver takes either. The new one is in this answer alone.',
        params,
        headers: writerHeaders,
        problems: ['TB_FORBIDDEN'],
        response: { 200: jsonResponse('It has another one.', withSecret, 'Idempotent-Replayed') },
      },
    },
    async (request, reply) => {
      const { id: boardId, webhookId } = request.params;
      const writer = writerOf(request);
      const rotated = await app.webhooks.rotate(writer, boardId, webhookId);
      if (!rotated) throw await refusal(writer, boardId);
      if (rotated.isReplay) reply.header('idempotent-replayed', 'true');
      return { webhook: rotated.webhook, secret: rotated.secret };
    },
  );

  app.post(
    '/boards/:id/webhooks/:webhookId/replay',
    {
      schema: {
        ...common,
        operationId: 'replayWebhook',
        summary: 'Send everything after a place once more',
        description:
          'For owners. With the `webhook-id` of the first time, by which a receiver that has kept it knows what it has. ' +
          'One that is paused stays so.',
        params,
        headers: writerHeaders,
        body: Type.Object(
          { after: { ...CursorText, maxLength: 200 } },
          { additionalProperties: false, examples: [{ after: '5f0c9a3e-42' }] },
        ),
        problems: ['TB_FORBIDDEN', 'TB_TRIMMED'],
        response: { 200: jsonResponse('It goes on from there.', one, 'Idempotent-Replayed') },
      },
    },
    async (request, reply) => {
      const { id: boardId, webhookId } = request.params;
      const writer = writerOf(request);
      const extent = await app.webhooks.readExtent(writer.userId, boardId);
      if (!extent) throw await refusal(writer, boardId);
      const seq = readNamedPlace(request.body.after, '/after', boardId, extent);
      if (seq < extent.trimmedTo)
        throw new Problem('TB_TRIMMED', 'The events after this cursor are not kept any more.');
      const written = await app.webhooks.replay(writer, boardId, webhookId, seq);
      if (!written) throw await refusal(writer, boardId);
      app.deliveries.wake(boardId);
      return sendWritten(reply, 'webhook', written);
    },
  );
};
