// Encoded SSE text (WHATWG HTML, 9.2.6), and each kind of frame that is the stream's own.

import { createEventBuffer } from 'better-sse';
import { type CloseReason, closeRules, drawRetryMs, openingRetryMs, type RetrySpan } from './close-reason.ts';
import type { Heartbeat, ManyReady, Own, Ready, Reset, ResetReason } from './frame-schemas.ts';

export type { ResetReason };

/**
 * The first frame of a stream. Carries the first `retry:`, drawn anew at each call: alone it would be a frame of its
 * own, which reaches the pages of some clients as an empty message.
 *
 * @param goesOnFrom what a client that is cut before its first event comes back to; undefined when a reset or a
 *   snapshot follows, which it would then have skipped
 */
export function readyFrame(ready: Ready, goesOnFrom: string | undefined): string {
  const retryMs = drawRetryMs(openingRetryMs);
  return encodeFrame({ event: 'ready', json: JSON.stringify(ready), id: goesOnFrom, retryMs });
}

/**
 * The same of a stream of many boards.
 *
 * @param id names the places of all boards, and which of them are lost: a reset or a snapshot of those is still to come
 */
export function manyReadyFrame(ready: ManyReady, id: string): string {
  return encodeFrame({ event: 'ready', json: JSON.stringify(ready), id, retryMs: drawRetryMs(openingRetryMs) });
}

/** @param json the event as one line */
export function changedFrame(cursor: string, json: string): string {
  return encodeFrame({ event: 'changed', json, id: cursor });
}

/** Moves the client's cursor over its own change. A frame of only the id would too, but many clients drop it. */
export function ownFrame(cursor: string, own: Own): string {
  const { boardId, seq, mutationId } = own;
  return encodeFrame({ event: 'own', json: JSON.stringify({ boardId, seq, mutationId }), id: cursor });
}

/** @returns what stands before and after the data of the frame, which is what `GET /boards/:id` gives, as one line */
export function snapshotFrame(id: string): { head: string; tail: string } {
  const [head = '', tail = ''] = encodeFrame({ event: 'snapshot', json: '{}', id }).split('{}');
  return { head, tail };
}

/** @param id names the places of all boards of the stream, and the cursor that of this one */
export function resetFrame(id: string, { boardId, reason, cursor }: Reset): string {
  return encodeFrame({ event: 'reset', json: JSON.stringify({ boardId, reason, cursor }), id });
}

export function heartbeatFrame({ boardId, cursor }: Heartbeat): string {
  return encodeFrame({ event: 'heartbeat', json: JSON.stringify({ boardId, cursor }) });
}

/**
 * Carries its own `retry:`, drawn anew at each call.
 *
 * @param retryMs default: as the reason has it
 */
export function closeFrame(reason: CloseReason, retryMs: RetrySpan = closeRules[reason].retryMs): string {
  const { retry } = closeRules[reason];
  return encodeFrame({ event: 'close', json: JSON.stringify({ reason, retry }), retryMs: drawRetryMs(retryMs) });
}

/** The end of one board on a stream that goes on: so without a `retry:`, which would be for the stream. */
export function boardCloseFrame(boardId: string, reason: CloseReason): string {
  const { retry } = closeRules[reason];
  return encodeFrame({ event: 'close', json: JSON.stringify({ boardId, reason, retry }) });
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
 * literals in the calls, ids are cursors (cursor.ts lets no such byte through), and data is one line of JSON, in which
 * newlines are escaped. Its `push` is not used: it adds a random id to a frame that must have none, and would move
 * the client's cursor to nowhere.
 *
 * The id is the last line. Some clients take it when the line comes and not when the event is dispatched: cut in between,
 * they would come back with the id of an event that they never showed.
 */
export function encodeFrame({ event, json, id, retryMs }: Fields): string {
  if (/[\r\n]/.test(json)) throw new TypeError('the data of a frame must be one line');
  const buffer = createEventBuffer({ serializer: (data) => data as string });
  if (retryMs !== undefined) buffer.retry(retryMs);
  buffer.event(event).data(json);
  if (id !== undefined) buffer.id(id);
  return buffer.dispatch().read();
}

/** How each frame with an id ends: the same for another id can be put in its place. */
export function idLine(id: string): string {
  return `id:${id}\n\n`;
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
