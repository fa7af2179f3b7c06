// Frames that others hold as well, each with an id of this stream's own in place of theirs.

import { CHUNK_END, type Chunk, idLine, joinChunk } from './frame.ts';
import type { FrameBatch } from './frame-batch.ts';

/** Up to here they are copied: one buffer costs the socket less than several do. Beyond, what is shared stays shared. */
const COPIED_BYTES = 16 * 1024;
const ID_END_BYTES = idLine('').length - 'id:'.length;
/** Lengths that ids of streams have for which the frames of a batch are kept: of other numbers of boards, mostly. */
const MOST_LENGTHS = 64;

export interface SharedFrame {
  text: Buffer;
  /** How many bytes at its end are the id. */
  idBytes: number;
}

/** @returns what to write, in one piece or in parts */
export function withOwnIds(frames: SharedFrame[], ids: string[]): Chunk | Buffer[] {
  const parts = frames.flatMap(({ text, idBytes }, index) => [
    text.subarray(0, text.length - idBytes),
    Buffer.from(idLine(ids[index] ?? ''), 'latin1'),
  ]);
  return parts.reduce((sum, part) => sum + part.length, 0) <= COPIED_BYTES ? joinChunk(parts) : parts;
}

/** The frames of a batch as one chunk, in which ids of one length are put again and again. */
export class BlankFrames implements Chunk {
  readonly framed: Buffer;
  /** Of each id. */
  readonly idBytes: number;
  readonly #textAt: number;
  readonly #idsAt: number[] = [];

  constructor({ frames }: FrameBatch, idBytes: number) {
    const blank = Buffer.from(idLine(' '.repeat(idBytes)), 'latin1');
    const parts = frames.flatMap((frame) =>
      frame.text ? [frame.text.subarray(0, frame.text.length - frame.idBytes), blank] : [],
    );
    const { framed, text } = joinChunk(parts);
    this.framed = framed;
    this.idBytes = idBytes;
    this.#textAt = framed.length - CHUNK_END.length - text.length;
    let at = this.#textAt;
    for (const part of parts) {
      at += part.length;
      if (part === blank) this.#idsAt.push(at - ID_END_BYTES - idBytes);
    }
  }

  get text(): Buffer {
    return this.framed.subarray(this.#textAt, this.framed.length - CHUNK_END.length);
  }

  put(index: number, id: Buffer): void {
    this.framed.set(id, this.#idsAt[index]);
  }
}

/**
 * Those of the batch that was written last. What the kernel has taken at once nobody holds any more: so the bytes that
 * one stream was sent are those of the next one, but for the ids.
 */
export class Blanks {
  #batch: FrameBatch | undefined;
  readonly #byIdBytes = new Map<number, BlankFrames>();

  /** @returns undefined when it is too much to be copied */
  take(batch: FrameBatch, idBytes: number): BlankFrames | undefined {
    if (batch !== this.#batch || this.#byIdBytes.size > MOST_LENGTHS) {
      this.#batch = batch;
      this.#byIdBytes.clear();
    }
    let blank = this.#byIdBytes.get(idBytes);
    if (!blank && batch.bytes + batch.frames.length * idBytes <= COPIED_BYTES) {
      blank = new BlankFrames(batch, idBytes);
      this.#byIdBytes.set(idBytes, blank);
    }
    return blank;
  }

  /** Call when a socket holds it: nobody else may write into it any more. */
  drop({ idBytes }: BlankFrames): void {
    this.#byIdBytes.delete(idBytes);
  }
}
