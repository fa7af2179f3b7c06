// POST /boards/:id/batch.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { boardInput, jsonResponse } from '../http/schemas.ts';
import { Batch, BatchResult, checkOperations, DocumentedBatch, weighBatch } from './batch.ts';
import { conflictResponse } from './conflict.ts';
import { explainBatchRefusal } from './item-refusal.ts';
import { writerHeaders, writerOf } from './writer.ts';
import { sendWritten } from './written.ts';

const BODY_LIMIT = 1024 * 1024;
/** So much of an answer is one write more: a batch of 40 KB that moves 500 large notes is answered with 38 MB. */
const ANSWER_BYTES_PER_WRITE = 65_536;

export const batchRoutes: FastifyPluginAsyncTypebox = async (app) => {
  // Before the body is read: who is nobody here sends nothing that is worth parsing.
  app.addHook('onRequest', app.requireCaller);

  app.post(
    '/boards/:id/batch',
    {
      bodyLimit: BODY_LIMIT,
      config: { weigh: weighBatch },
      schema: {
        tags: ['Items'],
        security: [{ session: [] }],
        operationId: 'writeItems',
        summary: 'Create, change and delete many items at once',
        description:
          'All or nothing, in one transaction: the events follow each other in the log. What cannot be done is named in ' +
          '`errors` by its place, such as `/operations/3/id`. A batch names an item once at most. One that names an ' +
          'item that is not on the board answers 409 `TB_ITEM_GONE`; one that creates an item under an id that is taken, ' +
          '409 `TB_ID_TAKEN`; one whose `ifMatch` is no longer the version of ' +
          'its item answers 412 `TB_CONFLICT`, with `current`, `base` and `conflicts` of the first of those. ' +
          'For the limit of writes each operation counts as a tenth of one, and each 64 KiB of the answer, also of a ' +
          'repeat, as one more, for which the next writes wait. ' +
          'More than the board may hold is 409 `TB_LIMIT_REACHED`.',
        params: Type.Object({ id: boardInput() }),
        headers: writerHeaders,
        body: Batch,
        documentedBody: DocumentedBatch,
        problems: ['TB_FORBIDDEN', 'TB_ITEM_GONE', 'TB_ID_TAKEN', 'TB_LIMIT_REACHED'],
        response: {
          200: jsonResponse(
            'Done.',
            Type.Object({
              results: Type.Array(BatchResult, { description: 'One for each operation, in their order.' }),
            }),
            'Idempotent-Replayed',
          ),
          ...conflictResponse,
        },
      },
    },
    async (request, reply) => {
      const { operations } = request.body;
      checkOperations(operations);
      const writer = writerOf(request);
      const written = await app.batches.write(writer, request.params.id, operations);
      if (!written) throw await explainBatchRefusal(app, writer, request.params.id, operations);
      app.chargeWrites(writer.userId, Buffer.byteLength(written.json ?? '') / ANSWER_BYTES_PER_WRITE);
      return sendWritten(reply, 'results', written);
    },
  );
};
