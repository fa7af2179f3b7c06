// Encoded SSE text (WHATWG HTML, 9.2.6): each kind of frame that a stream can carry.

import { createEventBuffer } from 'better-sse';
import { type CloseReason, closeRules, drawRetryMs, openingRetryMs } from './close-reason.ts';

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

/**
 * The first frame of a stream. Carries the first `retry:`, drawn anew at each call: alone it would be a frame of its
 * own, which reaches the pages of some clients as an empty message.
 *
 * @param goesOnFrom what a client that is cut before its first event comes back to; undefined when a reset or a
 *   snapshot follows, which it would then have skipped
 */
export function readyFrame(ready: Ready, goesOnFrom: string | undefined): string {
  const retryMs = drawRetryMs(openingRetryMs);
  return encode({ event: 'ready', json: JSON.stringify(ready), id: goesOnFrom, retryMs });
}

/** @param json the event as one line */
export function changedFrame(cursor: string, json: string): string {
  return encode({ event: 'changed', json, id: cursor });
}

/** Moves the client's cursor over its own change. A frame of only the id would too, but many clients drop it. */
export function ownFrame(cursor: string, { seq, mutationId }: { seq: number; mutationId: string | undefined }): string {
  return encode({ event: 'own', json: JSON.stringify({ seq, mutationId }), id: cursor });
}

/** @returns what stands before and after the data of the frame, which is what `GET /boards/:id` gives, as one line */
export function snapshotFrame(cursor: string): { head: string; tail: string } {
  const [head = '', tail = ''] = encode({ event: 'snapshot', json: '{}', id: cursor }).split('{}');
  return { head, tail };
}

export function resetFrame(cursor: string, reason: ResetReason): string {
  return encode({ event: 'reset', json: JSON.stringify({ reason, cursor }), id: cursor });
}

export function heartbeatFrame(cursor: string): string {
  return encode({ event: 'heartbeat', json: JSON.stringify({ cursor }) });
}

export function presenceFrame(change: PresenceChange): string {
  return encode({ event: 'presence', json: JSON.stringify(change) });
}

export function broadcastFrame({ name, data, from, at }: Broadcast): string {
  return encode({ event: 'broadcast', json: JSON.stringify({ name, data, from, at }) });
}

/** Carries its own `retry:`, drawn anew at each call. */
export function closeFrame(reason: CloseReason): string {
  const { retry, retryMs } = closeRules[reason];
  return encode({ event: 'close', json: JSON.stringify({ reason, retry }), retryMs: drawRetryMs(retryMs) });
}

interface Fields {
  event: string;
  /** One line. */
  json: string;
  id?: string | undefined;
  retryMs?: number;
}

/**
 * better-sse strips no newline inside an event name or an id, and a newline there forges fields. So names are
 * literals of this file, ids are cursors (cursor.ts lets no such byte through), and data is one line of JSON, in which
 * newlines are escaped. Its `push` is not used: it adds a random id to a frame that must have none, and would move
 * the client's cursor to nowhere.
 *
 * The id is the last line. Some clients take it when the line comes and not when the event is dispatched: cut in between,
 * they would come back with the id of an event that they never showed.
 */
function encode({ event, json, id, retryMs }: Fields): string {
  if (/[\r\n]/.test(json)) throw new TypeError('the data of a frame must be one line');
  const buffer = createEventBuffer({ serializer: (data) => data as string });
  if (retryMs !== undefined) buffer.retry(retryMs);
  buffer.event(event).data(json);
  if (id !== undefined) buffer.id(id);
  return buffer.dispatch().read();
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
