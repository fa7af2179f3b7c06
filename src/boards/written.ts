// What a write has made, and the answer that says so, also that a repeat was one.

import type { FastifyReply } from 'fastify';

/** What a write has made of its resource. */
export interface Written<Resource> {
  /** Read from `json` when it is asked for: the answer to a batch has up to 40 MB, which nobody reads here. */
  readonly resource: Resource;
  /** The resource as the database wrote it: a repeat gets these bytes again, also from a later version of this code. */
  json: string | null;
  /** True when an earlier request with the same key has done it, and this one nothing. */
  isReplay: boolean;
}

/**
 * Sends what was written, or 204 when it was deleted.
 *
 * @param name that the routes of the resource give it; undefined when it is the whole answer
 */
export function sendWritten(
  reply: FastifyReply,
  name: string | undefined,
  { json, isReplay }: Written<unknown>,
): FastifyReply {
  if (isReplay) reply.header('idempotent-replayed', 'true');
  if (json === null) return reply.code(204).send(null);
  return reply.type('application/json; charset=utf-8').send(name === undefined ? json : `{"${name}":${json}}`);
}
