// Encoded SSE text (WHATWG HTML, 9.2.6): each kind of frame that a stream can carry.

import { createEventBuffer } from 'better-sse';
import type { BoardEvent } from '../events/board-event.ts';
import { type CloseReason, closeRules, drawRetryMs } from './close-reason.ts';

export type ResetReason = 'trimmed' | 'ahead' | 'epoch' | 'malformed' | 'gap';

export interface Ready {
  streamId: string;
  boardId: string;
  cursor: string;
  heartbeatSeconds: number;
  resumedFrom?: string;
}

/** A user as others see one. */
export interface PresentUser {
  id: string;
  name: string;
}

/** All who have the board open (`total`: how many, when not all of them are named), or one who has come or gone. */
export type PresenceChange =
  | { action: 'sync'; users: PresentUser[]; total?: number }
  | { action: 'join' | 'leave'; user: PresentUser };

/** What somebody tells everyone who has the board open now. */
export interface Broadcast {
  name: string;
  data: unknown;
  from: {
    user: PresentUser;
    /** As the sender names it. */
    streamId?: string;
  };
  at: string;
}

export function readyFrame(ready: Ready): string {
  return encode('ready', JSON.stringify(ready));
}

export function changedFrame(cursor: string, event: BoardEvent): string {
  return encode('changed', JSON.stringify(event), cursor);
}

/** Moves the client's cursor and dispatches nothing: an event without data (WHATWG HTML, 9.2.6). */
export function cursorFrame(cursor: string): string {
  return createEventBuffer().id(cursor).dispatch().read();
}

/** @param json what `GET /boards/:id` gives */
export function snapshotFrame(cursor: string, json: string): string {
  return encode('snapshot', json, cursor);
}

export function resetFrame(cursor: string, reason: ResetReason): string {
  return encode('reset', JSON.stringify({ reason, cursor }), cursor);
}

export function heartbeatFrame(cursor: string): string {
  return encode('heartbeat', JSON.stringify({ cursor }));
}

export function presenceFrame(change: PresenceChange): string {
  return encode('presence', JSON.stringify(change));
}

export function broadcastFrame({ name, data, from, at }: Broadcast): string {
  return encode('broadcast', JSON.stringify({ name, data, from, at }));
}

/** Carries its own `retry:`, drawn anew at each call. */
export function closeFrame(reason: CloseReason): string {
  const { retry, retryMs } = closeRules[reason];
  return `retry:${drawRetryMs(retryMs)}\n${encode('close', JSON.stringify({ reason, retry }))}`;
}

/**
 * better-sse strips no newline inside an event name or an id, and a newline there forges fields. So names are
 * literals of this file, ids are cursors (cursor.ts lets no such byte through), and data is one line of JSON, in which
 * newlines are escaped. Its `push` is not used: it adds a random id to a frame that must have none, and would move
 * the client's cursor to nowhere.
 */
function encode(event: string, json: string, id?: string): string {
  if (/[\r\n]/.test(json)) throw new TypeError('the data of a frame must be one line');
  const buffer = createEventBuffer({ serializer: (data) => data as string });
  if (id !== undefined) buffer.id(id);
  return buffer.event(event).data(json).dispatch().read();
}

/** SSE text as bytes, and the same bytes as one chunk of HTTP/1.1 (RFC 9112, 7.1), made once for all sockets. */
export interface Chunk {
  text: Buffer;
  framed: Buffer;
}

export function encodeChunk(text: string): Chunk {
  return joinChunk([Buffer.from(text)]);
}

/** @param parts encoded frames */
export function joinChunk(parts: Buffer[]): Chunk {
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  const head = chunkHead(bytes);
  const framed = Buffer.concat([Buffer.from(head), ...parts, CHUNK_END], head.length + bytes + CHUNK_END.length);
  return { framed, text: framed.subarray(head.length, head.length + bytes) };
}

/** What precedes the bytes of a chunk. */
export function chunkHead(bytes: number): string {
  return `${bytes.toString(16)}\r\n`;
}

export const CHUNK_END = Buffer.from('\r\n');
