// Frames that are no part of the log, and thus have no id.

import type { Chunk } from './frame.ts';
import type { SseConnection } from './sse-connection.ts';

/**
 * To a slow client only what there is room for, or anything when nothing waits (E5).
 *
 * @returns false when they were not written
 */
export function writeAside(connection: SseConnection, chunk: Chunk): boolean {
  if (chunk.text.length > connection.room && connection.waitingBytes > 0) return false;
  connection.write(chunk);
  return true;
}

/**
 * Frames that nobody misses are written only while nothing waits for the client: they never take the room that an event
 * needs (E5).
 *
 * @param frames in one piece, or in parts that others hold as well
 * @returns false when they were not written
 */
export function writeEphemeral(connection: SseConnection, frames: Chunk | Buffer[]): boolean {
  if (connection.waitingBytes > 0) return false;
  if (!Array.isArray(frames)) connection.write(frames);
  else if (frames.length > 0) connection.writeParts(frames);
  return true;
}
