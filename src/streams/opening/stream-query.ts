// What a client can say when it opens a stream or asks for a page of the log.

import type { FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { MOST_BOARDS } from '../../http/board-list.ts';
import { pageLimit } from '../../http/schemas.ts';

export const STREAM = 'text/event-stream';
export const JSON_TYPE = 'application/json';

export const StreamQuery = Type.Object({
  lastEventId: Type.Optional(
    Type.String({
      description:
        'Stream: as the header `Last-Event-ID`, which wins; a first EventSource can set none. The last one counts.',
    }),
  ),
  snapshot: Type.Optional(
    Type.Boolean({
      description: 'Stream: begin with the board itself, and send it in place of every `reset`. Also `1`, or no value.',
    }),
  ),
  ticket: Type.Optional(
    Type.String({ description: 'Says who is calling, from `POST /boards/:id/tickets`. It wins over a cookie.' }),
  ),
  after: Type.Optional(Type.String({ description: 'Page: from the event after this cursor.' })),
  limit: pageLimit(100, 500),
});
export type StreamQuery = Static<typeof StreamQuery>;

/** Of `GET /events`, beside the rest. */
export const ManyStreamQuery = Type.Object({
  ...StreamQuery.properties,
  boards: Type.String({
    description:
      `Ids of 1 to ${MOST_BOARDS} boards, or \`~\` and the key of each, with commas in between: \`<id>[@<cursor>],…\`. One that the last event does not know starts at ` +
      'its cursor, or at the present. Of a board that is named twice the first counts.',
  }),
});

export const StreamHeaders = Type.Object({
  'last-event-id': Type.Optional(Type.String({ description: 'The cursor of the last event seen.' })),
});

/**
 * @param headers of two of a kind Node makes one, with a comma in between, which no cursor has
 * @returns the cursor to go on from; undefined for a client that names none and starts at the present
 */
export function lastEventIdOf(
  headers: { 'last-event-id'?: string },
  { lastEventId }: Pick<StreamQuery, 'lastEventId'>,
): string | undefined {
  const header = headers['last-event-id'] ?? '';
  return header.slice(header.lastIndexOf(',') + 1).trim() || header || lastEventId || undefined;
}

/** What the request asks for; undefined when it is neither. Both fit a client that says nothing. */
export function typeOf(request: FastifyRequest): typeof STREAM | typeof JSON_TYPE | undefined {
  return (request.type([STREAM, JSON_TYPE]) || undefined) as typeof STREAM | typeof JSON_TYPE | undefined;
}

/**
 * Any answer but 200 ends an EventSource for good. So what can be understood is no reason to refuse a stream: a field that
 * is there twice (the last one counts, and of `boards` all), a flag in another spelling, parameters of a media type, or what is for pages only.
 */
export function tolerate(request: FastifyRequest): void {
  const { headers } = request.raw;
  if (headers.accept !== undefined) headers.accept = plainAccept(headers.accept);
  const query = request.query as Record<string, unknown>;
  for (const [name, value] of Object.entries(query)) {
    if (Array.isArray(value)) query[name] = name === 'boards' ? value.join() : value.at(-1);
  }
  if (typeOf(request) !== STREAM) return;
  if (query.snapshot !== undefined) query.snapshot = ['true', '1', ''].includes(String(query.snapshot).toLowerCase());
  delete query.after;
  delete query.limit;
}

/** @returns its media ranges with nothing but their `q`, as no type here has a parameter; all, when it has none */
function plainAccept(accept: string): string {
  const ranges = accept.split(',').flatMap((range) => {
    const [, type] = /^\s*([^\s;/]+\/[^\s;/]+)\s*(?:;|$)/.exec(range) ?? [];
    const [, q] = /;\s*q\s*=\s*"?([01](?:\.\d*)?|\.\d+)/i.exec(range) ?? [];
    return type === undefined ? [] : [`${type.toLowerCase()}${q === undefined ? '' : `;q=${Number(q)}`}`];
  });
  return ranges.length > 0 ? ranges.join() : '*/*';
}
