// If-Match and If-None-Match (RFC 9110, 13.1.1 and 13.1.2): the tags that a client has, as we have given them.

import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { invalid } from '../problems/problem.ts';

/** One element of the list, which may be empty, and the comma behind it. It costs what the header is long. */
const element = /[\t ]*(?:(?:W\/)?"([\x21\x23-\x7e\x80-\xff]*)"[\t ]*)?(,|$)/y;

/**
 * What a proxy that compresses writes behind a tag: `3-gzip` and `3-br` (Apache, Caddy, Traefik), `3--gzip` (Jetty),
 * `3;gz` (LiteSpeed). No tag of ours ends like that.
 */
const coding = /[-;:]{1,2}(?:x-gzip|gzip|gz|br|zstd|deflate)$/;

/** The tags without quotes, each once; `any` for `*`. */
export type EntityTags = ReadonlySet<string> | 'any';

/**
 * All tags that we give are strong. So one that is weak, as nginx and HAProxy make it, or names a coding, is ours on its
 * way through a proxy that compresses, and stands for what we gave: otherwise nobody behind such a proxy could save.
 *
 * @returns undefined when it is malformed
 */
export function parseEntityTags(header: string): EntityTags | undefined {
  if (header.trim() === '*') return 'any';
  const tags = new Set<string>();
  element.lastIndex = 0;
  for (let more = true; more; ) {
    const [found, tag, comma] = element.exec(header) ?? [];
    if (found === undefined) return undefined;
    if (tag !== undefined) tags.add(tag.replace(coding, ''));
    more = comma !== '';
  }
  return tags.size > 0 ? tags : undefined;
}

/**
 * @returns undefined when the request has no If-Match
 * @throws Problem TB_INVALID when it is malformed
 */
export function parseIfMatch(header: string | undefined): EntityTags | undefined {
  if (header === undefined) return undefined;
  const tags = parseEntityTags(header);
  if (!tags) throw invalid('/if-match', 'must be * or a list of entity tags in quotes, such as "3"');
  return tags;
}

/**
 * @param tag without quotes, of what there is now
 * @returns whether the client has it already; one that is malformed asks for nothing but the whole
 */
export function isKnown(ifNoneMatch: string | undefined, tag: string): boolean {
  const tags = ifNoneMatch === undefined ? undefined : parseEntityTags(ifNoneMatch);
  return tags === 'any' || (tags?.has(tag) ?? false);
}

/** 304, with the header fields that the reply has so far, and without a length: what it stands for has another. */
export function sendNotModified(reply: FastifyReply): FastifyReply {
  // To a HEAD without a body Fastify adds a length, of 0; not where there would be a stream.
  return reply.code(304).send(reply.request.method === 'HEAD' ? Readable.from([]) : undefined);
}
