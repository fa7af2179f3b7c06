// Consecutive events of one board, encoded once for every stream that gets them.

import type { BoardEvent } from '../events/board-event.ts';
import { formatCursor } from '../events/cursor.ts';
import type { CloseReason } from './close-reason.ts';
import { type Chunk, changedFrame, joinChunk } from './frame.ts';

/** One encoded event. */
export interface EventFrame {
  seq: number;
  /** The same bytes for every stream, also for those that wait for a slow client. */
  text: Buffer;
  /** Set when the event ends access: of everyone, or of one user. */
  ends?: { reason: Extract<CloseReason, 'deleted' | 'revoked'>; userId?: string };
}

export class FrameBatch {
  readonly frames: EventFrame[];
  /** True when a frame ends somebody's access, so that the streams have to look at each frame. */
  readonly endsAccess: boolean;
  readonly bytes: number;
  #chunk: Chunk | undefined;

  /** @param frames of one board, rising by one from event to event, not empty */
  constructor(frames: EventFrame[]) {
    this.frames = frames;
    this.bytes = frames.reduce((sum, { text }) => sum + text.length, 0);
    this.endsAccess = frames.some(({ ends }) => ends !== undefined);
  }

  /** @param events of one board, rising by one from event to event, not empty */
  static encode(epoch: string, events: BoardEvent[]): FrameBatch {
    return new FrameBatch(events.map((event) => encodeEvent(epoch, event)));
  }

  /** The seq before the first event. */
  get from(): number {
    return (this.frames[0]?.seq ?? 0) - 1;
  }

  /** The seq of the last event. */
  get to(): number {
    return this.frames.at(-1)?.seq ?? 0;
  }

  /** All frames in one piece, made at the first call: every stream that takes them whole gets the same bytes. */
  get chunk(): Chunk {
    this.#chunk ??= joinChunk(this.frames.map(({ text }) => text));
    return this.#chunk;
  }
}

function encodeEvent(epoch: string, event: BoardEvent): EventFrame {
  const text = Buffer.from(changedFrame(formatCursor(epoch, event.seq), event));
  const frame: EventFrame = { seq: event.seq, text };
  if (event.action === 'deleted' && event.resource === 'board') frame.ends = { reason: 'deleted' };
  if (event.action === 'deleted' && event.resource === 'member') frame.ends = { reason: 'revoked', userId: event.id };
  return frame;
}
