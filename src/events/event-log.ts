// The log of each board, to whoever reads it.

import type { LogEntry } from './board-event.ts';

/** Where a log begins and ends: events `trimmedTo + 1` to `head` can be read. */
export interface LogExtent {
  head: number;
  trimmedTo: number;
}

/** A place to read on from. */
export interface ReadRequest {
  boardId: string;
  after: number;
  /** Events at most. */
  limit: number;
}

/**
 * Each answer names the epoch, the history of the database that it is of: after a failover a connection may lead to
 * another server than the last read, and its numbers mean other events.
 */
export interface EventLog {
  /** @returns one list per request, in the order of the requests, each rising by seq */
  readAfter(requests: ReadRequest[]): Promise<{ epoch: string; entries: LogEntry[][] }>;
  /** @returns the extent of each board that has a log */
  extents(boardIds: string[]): Promise<{ epoch: string; extents: Map<string, LogExtent> }>;
}
