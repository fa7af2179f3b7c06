// How a client asks for the stream of a board: alone, or as one of many.

export interface BoardRequest {
  headers?: Record<string, string>;
  /** With a leading `?`. */
  query?: string;
  /** Other boards of the user, or none: then the stream is one of many boards. */
  beside?: readonly string[] | undefined;
}

const CURSOR = /^[0-9a-f]{8}-\d+$/;

/** @returns the path, the header fields, and whether it names a place to go on from */
export function requestBoard(boardId: string, { headers = {}, query = '', beside }: BoardRequest) {
  const { 'last-event-id': fromHeader, ...rest } = headers;
  const { lastEventId: fromQuery, ...more } = Object.fromEntries(new URLSearchParams(query));
  const place = fromHeader ?? fromQuery;
  const isReturning = place !== undefined;
  if (!beside) return { path: `/boards/${boardId}/events${query}`, headers, isReturning };
  // A cursor of the board is no cursor of many boards.
  const at = place !== undefined && CURSOR.test(place) ? `@${place}` : '';
  const parameters = new URLSearchParams({ ...more, boards: [boardId + at, ...beside].join() });
  return {
    path: `/events?${parameters}`,
    headers: { ...rest, ...(place !== undefined && !at && { 'last-event-id': place }) },
    isReturning,
  };
}
