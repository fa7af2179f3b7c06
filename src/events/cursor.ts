// `<epoch>-<seq>`: a place in the log of one board, as `id:` and every `cursor` carry it.

import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';

/** What a seq is a number of. */
export interface History {
  /** Which history of the database, 8 hex digits; see `current_epoch` of postgres/migrations. */
  epoch: string;
  boardId: string;
}

/** An unusable cursor is never an error: the answer to it is `reset`. */
export interface Cursor {
  /** That of a board: see {@link isOf}. */
  epoch: string;
  /** The last event that the holder has seen; 0 before the first. */
  seq: number;
}

// Digits, lower-case hex and a hyphen, 25 bytes at most: a cross-origin EventSource sends such a Last-Event-ID
// without a preflight (Fetch standard, CORS-safelisted request-header), and no byte of it can end a line of the stream.
const pattern = /^([0-9a-f]{8})-(0|[1-9][0-9]{0,15})$/;

/** Made once for each board that is written to, and not for each event. Nothing is lost with one that is forgotten. */
const boardEpochs = new LRUCache<string, { epoch: string; boardEpoch: string }>({ max: 20_000 });

export function formatCursor(history: History, seq: number): string {
  return `${boardEpochOf(history)}-${seq}`;
}

/** False for a cursor of another board or of another history of the database: its number means nothing here. */
export function isOf({ epoch }: Cursor, history: History): boolean {
  return epoch === boardEpochOf(history);
}

/** @returns undefined for anything that {@link formatCursor} cannot have made */
export function parseCursor(text: string): Cursor | undefined {
  const [, epoch, digits] = pattern.exec(text) ?? [];
  if (epoch === undefined || digits === undefined) return undefined;
  const seq = Number(digits);
  return Number.isSafeInteger(seq) ? { epoch, seq } : undefined;
}

/** 8 hex digits as well. */
function boardEpochOf({ epoch, boardId }: History): string {
  const known = boardEpochs.get(boardId);
  if (known?.epoch === epoch) return known.boardEpoch;
  const boardEpoch = createHash('sha256').update(`${epoch}/${boardId}`).digest('hex').slice(0, 8);
  boardEpochs.set(boardId, { epoch, boardEpoch });
  return boardEpoch;
}
