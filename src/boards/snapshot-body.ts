// A snapshot as the body of an answer.

import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { SnapshotReader } from './snapshot.ts';

const SLICE_BYTES = 64 * 1024;

/**
 * @param socket on which it goes out
 * @returns what to send; the reader is released with it. In one piece when nobody shares it: that is counted as what waits
 *   for this client, and what is sent in slices is counted where it is shared.
 */
export function bodyOf(reader: SnapshotReader, socket: Socket): Buffer | Readable {
  if (reader.isShared) return new SnapshotBody(reader, socket);
  const pieces: Buffer[] = [];
  for (let piece = reader.next(reader.bytes); piece; piece = reader.next(reader.bytes)) pieces.push(piece);
  reader.release();
  const [only = Buffer.alloc(0), ...others] = pieces;
  return others.length === 0 ? only : Buffer.concat(pieces);
}

/** In slices of what all readers share: it holds nothing of its own, however slow its client is. */
class SnapshotBody extends Readable {
  readonly #reader: SnapshotReader;

  constructor(reader: SnapshotReader, socket: Socket) {
    super({ highWaterMark: 0 });
    this.#reader = reader;
    const end = () => this.destroy();
    reader.onCut(end);
    // Whoever has left already is not told of again.
    if (socket.destroyed) end();
    socket.once('close', end);
    this.once('close', () => socket.off('close', end));
  }

  override _read(): void {
    this.push(this.#reader.next(SLICE_BYTES) ?? null);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#reader.release();
    callback(error);
  }
}
