// What the log has for one board of a stream: written as far as there is room, and never twice.

import type { FollowedStream } from './follower-options.ts';
import { type TakenFrame, takeFitting } from './take-fitting.ts';
import type { Placed, VectorIds } from './vector-ids.ts';
import type { CloseReason } from './wire/close-reason.ts';
import type { EventFrame, FrameBatch } from './wire/frame-batch.ts';
import { Blanks, withOwnIds } from './wire/own-ids.ts';
import type { SseConnection } from './wire/sse-connection.ts';

export interface LogWriterOptions {
  /** Why the event is the last one that the user sees; undefined when it is not. */
  endedBy: (frame: EventFrame) => CloseReason | undefined;
  /** What the ids of the stream say of it, where they name many boards. */
  placed: Placed;
  /** What comes next is missing, or cannot be told. */
  onGap: () => void;
  onEnd: (reason: CloseReason) => void;
}

/** One for all: whoever writes is done with it before the next one does. */
const blanks = new Blanks();

export class LogWriter {
  /** The last event that was written, or the place where it started. */
  position = 0;
  /** Events that were written. */
  written = 0;
  // What each delivery needs lies here, and nothing of it behind something else: with thousands of streams each object
  // on the way has to be fetched from memory first.
  readonly #connection: SseConnection;
  readonly #ids: VectorIds | undefined;
  readonly #placed: Placed;
  readonly #stream: FollowedStream;
  readonly #options: LogWriterOptions;

  constructor(stream: FollowedStream, options: LogWriterOptions) {
    this.#connection = stream.connection;
    this.#ids = stream.ids;
    this.#placed = options.placed;
    this.#stream = stream;
    this.#options = options;
  }

  /** Writes what there is room for, one event at least when nothing waits, and none that the stream has had. */
  write(batch: FrameBatch): void {
    if (!this.writeAtOnce(batch)) this.writeFitting(batch);
  }

  /**
   * Writes the whole batch in one piece, where it comes next and nothing waits for the client: by far most are written so.
   *
   * @returns false when nothing was written, and the rest has to be looked at: {@link writeFitting}
   */
  writeAtOnce(batch: FrameBatch): boolean {
    if (this.position !== batch.from || !(batch.isShared || batch.isSameForAll(this.#stream.id))) return false;
    if (this.#ids) return this.#writeOwn(batch, this.#ids);
    if (this.#connection.writeAtOnce(batch.chunk) === undefined) return false;
    this.position = batch.to;
    this.written += batch.frames.length;
    return true;
  }

  /** The same as {@link write}, when it cannot be written at once. */
  writeFitting(batch: FrameBatch): void {
    const isWhole = !this.#ids && this.position === batch.from && batch.isSameForAll(this.#stream.id);
    if (!isWhole || batch.bytes > this.#connection.room) {
      this.#writeFrames(batch.frames);
      return;
    }
    this.#connection.write(batch.chunk);
    this.position = batch.to;
    this.written += batch.frames.length;
  }

  #writeOwn(batch: FrameBatch, ids: VectorIds): boolean {
    const blank = blanks.take(batch, ids.bytes);
    if (!blank) return false;
    let waiting: number | undefined;
    for (let index = 0; index < batch.frames.length; index += 1) {
      this.#moveTo(batch.from + index + 1);
      const { idBytes } = ids;
      if (idBytes.length !== blank.idBytes) break;
      blank.put(index, idBytes);
      if (this.position === batch.to) waiting = this.#connection.writeAtOnce(blank);
    }
    if (waiting === undefined) {
      this.#moveTo(batch.from);
      return false;
    }
    this.written += batch.frames.length;
    // The socket holds it: nobody else may write into it any more.
    if (waiting > 0) blanks.drop(blank);
    return true;
  }

  #writeFrames(frames: EventFrame[]): void {
    const { id, userId, quantum } = this.#stream;
    const connection = this.#connection;
    const ids = this.#ids;
    const { texts, position, end, hasGap } = takeFitting(frames, {
      after: this.position,
      room: connection.room,
      moreBytes: ids?.bytes ?? 0,
      most: quantum,
      isIdle: connection.waitingBytes === 0,
      reader: { streamId: id, userId },
      endOf: (frame) => this.#options.endedBy(frame),
    });
    if (texts.length > 0 && ids) this.#writeWithIds(texts, ids);
    else if (texts.length > 0) connection.writeParts(texts.map(({ text }) => text));
    this.position = position;
    this.written += texts.length;
    if (hasGap) this.#options.onGap();
    if (end) this.#options.onEnd(end);
  }

  /** Each as if it were the last one: whoever is cut after it goes on there. */
  #writeWithIds(frames: TakenFrame[], ids: VectorIds): void {
    const own = frames.map(({ seq }) => {
      this.#moveTo(seq);
      return ids.id;
    });
    const written = withOwnIds(frames, own);
    if (Array.isArray(written)) this.#connection.writeParts(written);
    else this.#connection.write(written);
  }

  #moveTo(seq: number): void {
    this.position = seq;
    this.#ids?.moved(this.#placed);
  }
}
