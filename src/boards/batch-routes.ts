// POST /boards/:id/batch.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { jsonResponse, problemResponses, uuidInput } from '../http/schemas.ts';
import { Batch, BatchResult, checkOperations, weighBatch } from './batch.ts';
import { conflictResponse } from './conflict.ts';
import { explainBatchRefusal } from './item-refusal.ts';
import { sendWritten, writerHeaders, writerOf } from './writer.ts';

const BODY_LIMIT = 1024 * 1024;
/** So much of an answer is one write more: a batch of 40 KB that moves 500 large notes is answered with 38 MB. */
const ANSWER_BYTES_PER_WRITE = 65_536;

export const batchRoutes: FastifyPluginAsyncTypebox = async (app) => {
  // Before the body is read: who is nobody here sends nothing that is worth parsing.
  app.addHook('onRequest', app.requireSession);

  app.post(
    '/boards/:id/batch',
    {
      bodyLimit: BODY_LIMIT,
      config: { weigh: weighBatch },
      schema: {
        tags: ['Boards and items'],
        security: [{ session: [] }],
        summary: 'Create, change and delete many items at once',
        description:
          'All or nothing, in one transaction: the events follow each other in the log. What cannot be done is named in ' +
          '`errors` by its place, such as `/operations/3/id`. A batch names an item once at most. One that names an ' +
          'item that is not on the board answers 409 `TB_ITEM_GONE`; one whose `ifMatch` is no longer the version of ' +
          'its item answers 412 `TB_CONFLICT`, with `current`, `base` and `conflicts` of the first of those. ' +
          'For the limit of writes each operation counts as a tenth of one, and each 64 KiB of the answer, also of a ' +
          'repeat, as one more, for which the next writes wait. ' +
          'More than the board may hold is 409 `TB_LIMIT_REACHED`.',
        params: Type.Object({ id: uuidInput() }),
        headers: writerHeaders,
        body: Batch,
        response: {
          200: jsonResponse(
            'Done.',
            Type.Object({
              results: Type.Array(BatchResult, { description: 'One for each operation, in their order.' }),
            }),
            'Idempotent-Replayed',
          ),
          ...problemResponses(400, 401, 403, 404, 409, 413, 415, 422, 503),
          ...conflictResponse,
        },
      },
    },
    async (request, reply) => {
      const writer = writerOf(request);
      const { operations } = request.body;
      checkOperations(operations);
      const written = await app.batches.write(writer, request.params.id, operations);
      if (!written) throw await explainBatchRefusal(app, writer.userId, request.params.id, operations);
      app.chargeWrites(writer.userId, Buffer.byteLength(written.json ?? '') / ANSWER_BYTES_PER_WRITE);
      return sendWritten(reply, 'results', written);
    },
  );
};
