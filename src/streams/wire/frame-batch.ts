// Consecutive events of one board, encoded once for every stream that gets them.

import type { LogEntry } from '../../events/board-event.ts';
import { formatCursor, type History } from '../../events/cursor.ts';
import type { CloseReason } from './close-reason.ts';
import { type Chunk, changedFrame, idLine, joinChunk, ownFrame } from './frame.ts';

/** One encoded event. */
export interface EventFrame {
  seq: number;
  /**
   * The same bytes for every stream, also for those that wait for a slow client. Undefined when the event cannot be
   * told: a stream that comes to it is reset.
   */
  text: Buffer | undefined;
  /** How many bytes at the end of `text` are its id: a stream of many boards puts another in their place. */
  idBytes: number;
  /** Set when the event ends access: of everyone, or of one user. */
  ends?: { reason: Extract<CloseReason, 'deleted' | 'revoked'>; userId?: string };
  /** Set when the writer has named its stream, which gets `text` of this instead. Its id is the same. */
  origin?: { streamId: string; userId: string; text: Buffer };
}

export class FrameBatch {
  readonly frames: EventFrame[];
  readonly #isForEach: boolean;
  readonly #origins: Set<string>;
  /** Nobody at all has to look at each frame. */
  readonly isShared: boolean;
  readonly bytes: number;
  /** The seq before the first event. */
  readonly from: number;
  /** The seq of the last event. */
  readonly to: number;
  #chunk: Chunk | undefined;

  /** @param frames of one board, rising from event to event, by one where the log has no hole; not empty */
  constructor(frames: EventFrame[]) {
    this.frames = frames;
    this.from = (frames[0]?.seq ?? 0) - 1;
    this.to = frames.at(-1)?.seq ?? 0;
    this.bytes = frames.reduce((sum, { text }) => sum + (text?.length ?? 0), 0);
    const hasHole = this.to - this.from !== frames.length;
    this.#isForEach = hasHole || frames.some(({ ends, text }) => ends !== undefined || text === undefined);
    this.#origins = new Set(frames.flatMap(({ origin }) => origin?.streamId ?? []));
    this.isShared = !this.#isForEach && this.#origins.size === 0;
  }

  /** @param entries of one board, rising from event to event, not empty */
  static encode(history: History, entries: LogEntry[]): FrameBatch {
    return new FrameBatch(entries.map((entry) => encodeEntry(history, entry)));
  }

  /** False when the stream has to look at each frame: one may end its access, be an event of its own, untold, or missing. */
  isSameForAll(streamId: string): boolean {
    return this.isShared || (!this.#isForEach && !this.#origins.has(streamId));
  }

  /** All frames in one piece, made at the first call: every stream that takes them whole gets the same bytes. */
  get chunk(): Chunk {
    this.#chunk ??= joinChunk(this.frames.flatMap(({ text }) => text ?? []));
    return this.#chunk;
  }
}

function encodeEntry(history: History, entry: LogEntry): EventFrame {
  const { seq, resource, action, id, actorId, streamId, json } = entry;
  const cursor = formatCursor(history, seq);
  const text = json === undefined ? undefined : Buffer.from(changedFrame(cursor, json));
  const frame: EventFrame = { seq, text, idBytes: idLine(cursor).length };
  if (action === 'deleted' && resource === 'board') frame.ends = { reason: 'deleted' };
  if (action === 'deleted' && resource === 'member') frame.ends = { reason: 'revoked', userId: id };
  // Without an actor nobody's: who could name a stream of others would hide changes from them.
  if (streamId && actorId) {
    const { boardId } = history;
    const own = ownFrame(cursor, { boardId, seq, mutationId: entry.mutationId });
    frame.origin = { streamId, userId: actorId, text: Buffer.from(own) };
  }
  return frame;
}
