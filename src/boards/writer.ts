// Who writes, and by which request.

import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Reader } from '../access/claims.ts';
import { readerOf } from '../accounts/caller.ts';
import { FAULT, uuidInput } from '../http/schemas.ts';

export interface Writer extends Reader {
  /** Of a request that is to be done once. */
  key: IdempotencyKey | undefined;
  /** The writer's own stream, which is not told of what it knows already. */
  streamId: string | undefined;
}

export interface IdempotencyKey {
  /** Also the `mutationId` of the events that the write causes. */
  name: string;
  /** Tells the request from every other one that may come with this key. */
  requestHash: Buffer;
}

/** The header fields that every write takes. */
export const writerHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 64,
      pattern: '^[\\x21-\\x7e]+$',
      [FAULT]: 'must be printable characters of ASCII without blanks',
      description:
        'Names this write, which is then done once: within 24 hours a repeat of it by the same user writes nothing ' +
        'and answers what the first answered, with `Idempotent-Replayed: true`. Another request (method, path, body) ' +
        'with this key answers 422 `TB_KEY_REUSED`; who may not see the board any more gets 404. A write that was refused is not remembered: send it again. ' +
        'Also the `mutationId` of the events that the write causes.',
    }),
  ),
  'stream-id': Type.Optional(
    uuidInput(
      'The `streamId` of the writer’s own stream. In place of `changed` it gets `own`, with the `seq` of the event: ' +
        'a page that listens for `changed` is shown nothing. Of another user’s stream it changes nothing.',
    ),
  ),
  'user-id': Type.Optional(
    uuidInput(
      'Whom this is to be done as, as on any request: when somebody else is signed in it is refused (401 ' +
        '`TB_OTHER_USER`), and nothing is done. All pages of a browser share one cookie.',
    ),
  ),
});

export function writerOf(request: FastifyRequest): Writer {
  const { 'idempotency-key': name, 'stream-id': streamId } = request.headers;
  return {
    ...readerOf(request.caller),
    streamId: typeof streamId === 'string' ? streamId : undefined,
    key: typeof name === 'string' ? { name, requestHash: hashRequest(request) } : undefined,
  };
}

/**
 * Of what the request means and not of its bytes: a client that makes it anew for each attempt may write an id in
 * capitals, or order and space the body differently. `1` and `1.0`, or `é` and `\u00e9`, are the same as well.
 */
function hashRequest(request: FastifyRequest): Buffer {
  const { method, body } = request;
  return createHash('sha256')
    .update(`${method} ${canonicalPath(request)}\n`)
    .update(canonicalJson(body))
    .digest();
}

/** The route, with its parameters as the validation has left them; and the query, which no write reads. */
function canonicalPath({ routeOptions, params, url }: FastifyRequest): string {
  const [, query = ''] = /(\?.*)/s.exec(url) ?? [];
  const ids = params as Record<string, string>;
  return (routeOptions.url ?? '').replaceAll(/:(\w+)/g, (_parameter, name: string) => ids[name] ?? '') + query;
}

function canonicalJson(body: unknown): string {
  return JSON.stringify(body ?? null, (_name, value: unknown) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
