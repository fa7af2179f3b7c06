// The Postgres channels, that of each board and that of all nodes: the one place that makes and reads their names.

/** On which the end of sessions and tokens is announced (postgres/migrations/0010_access.sql). */
export const ACCESS_CHANNEL = 'access_ended';

const PREFIX = 'board_';
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * LISTEN takes no parameter, so the name becomes part of a statement: it is built from nothing but a UUID. 42 bytes,
 * and so below the 63 after which LISTEN would cut it, and NOTIFY fail.
 *
 * @throws TypeError when `boardId` is no UUID in lower case
 */
export function channelOf(boardId: string): string {
  if (!uuid.test(boardId)) throw new TypeError(`not the id of a board: ${JSON.stringify(boardId)}`);
  return PREFIX + boardId;
}

/** @returns undefined for a channel that is of no board */
export function boardOf(channel: string): string | undefined {
  const boardId = channel.slice(PREFIX.length);
  return channel.startsWith(PREFIX) && uuid.test(boardId) ? boardId : undefined;
}
