// What a client can say when it opens a stream or asks for a page of the log.

import { type Static, Type } from 'typebox';
import { pageLimit } from '../http/schemas.ts';

export const StreamQuery = Type.Object({
  lastEventId: Type.Optional(
    Type.String({
      description: 'Stream: as the header `Last-Event-ID`, which wins; a first EventSource can set none.',
    }),
  ),
  snapshot: Type.Optional(
    Type.Boolean({ description: 'Stream: begin with the board itself, and send it in place of every `reset`.' }),
  ),
  ticket: Type.Optional(
    Type.String({ description: 'Says who is calling, from `POST /boards/:id/tickets`. It wins over a cookie.' }),
  ),
  after: Type.Optional(Type.String({ description: 'Page: from the event after this cursor.' })),
  limit: pageLimit(100, 500),
});
export type StreamQuery = Static<typeof StreamQuery>;

export const StreamHeaders = Type.Object({
  'last-event-id': Type.Optional(Type.String({ description: 'The cursor of the last event seen.' })),
});

/** @returns the cursor to go on from; undefined for a client that names none and starts at the present */
export function lastEventIdOf(
  headers: { 'last-event-id'?: string },
  { lastEventId }: Pick<StreamQuery, 'lastEventId'>,
): string | undefined {
  return headers['last-event-id'] || lastEventId || undefined;
}
