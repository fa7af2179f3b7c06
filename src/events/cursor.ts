// `<epoch>-<seq>`: a place in the log of one board, as `id:` and every `cursor` carry it.

/** An unusable cursor is never an error: the answer to it is `reset`. */
export interface Cursor {
  /** Which history of the database the seq belongs to, 8 hex digits; see postgres/migrations/0005_epoch.sql. */
  epoch: string;
  /** The last event that the holder has seen; 0 before the first. */
  seq: number;
}

// Digits, lower-case hex and a hyphen, 25 bytes at most: a cross-origin EventSource sends such a Last-Event-ID
// without a preflight (Fetch standard, CORS-safelisted request-header), and no byte of it can end a line of the stream.
const pattern = /^([0-9a-f]{8})-(0|[1-9][0-9]{0,15})$/;

export function formatCursor(epoch: string, seq: number): string {
  return `${epoch}-${seq}`;
}

/** @returns undefined for anything that {@link formatCursor} cannot have made */
export function parseCursor(text: string): Cursor | undefined {
  const [, epoch, digits] = pattern.exec(text) ?? [];
  if (epoch === undefined || digits === undefined) return undefined;
  const seq = Number(digits);
  return Number.isSafeInteger(seq) ? { epoch, seq } : undefined;
}
