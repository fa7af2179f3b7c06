// Which of the board's frames one stream is written now: those after its place that there is room for.

import type { CloseReason } from './wire/close-reason.ts';
import type { EventFrame } from './wire/frame-batch.ts';

export interface Taking {
  /** The last event that the stream has had. */
  after: number;
  /** Bytes. */
  room: number;
  /** That each frame takes beside its text. */
  moreBytes: number;
  /** Bytes after which it is enough. */
  most: number;
  /** Nothing waits for the client: then one event at least is taken, however large. */
  isIdle: boolean;
  reader: { streamId: string; userId: string };
  /** Why the reader's access ends with the event; undefined when it goes on. */
  endOf: (frame: EventFrame) => CloseReason | undefined;
}

export interface TakenFrame {
  seq: number;
  /** For this reader. */
  text: Buffer;
  /** See {@link EventFrame}. */
  idBytes: number;
}

export interface Taken {
  texts: TakenFrame[];
  /** The last event of them, or `after` when there is none. */
  position: number;
  /** Why the last event is the last one that the reader sees (E6). */
  end: CloseReason | undefined;
  /** What comes next is missing, or cannot be told. */
  hasGap: boolean;
}

/** @param frames of one board, rising */
export function takeFitting(frames: EventFrame[], taking: Taking): Taken {
  const { after, room, moreBytes, most, isIdle, reader, endOf } = taking;
  const taken: Taken = { texts: [], position: after, end: undefined, hasGap: false };
  let left = room;
  for (const frame of frames) {
    if (frame.seq <= taken.position) continue;
    // A row that somebody has deleted, or two reads between which the log was trimmed.
    if (frame.seq !== taken.position + 1) return { ...taken, hasGap: true };
    const end = endOf(frame);
    const text = textFor(frame, reader);
    // What cannot be told ends access all the same.
    if (text === undefined) return { ...taken, end, hasGap: !end };
    const isFirst = taken.texts.length === 0 && isIdle;
    if (text.length + moreBytes > left && !isFirst) return taken;
    taken.texts.push({ seq: frame.seq, text, idBytes: frame.idBytes });
    taken.position = frame.seq;
    left -= text.length + moreBytes;
    if (end) return { ...taken, end };
    if (room - left >= most) return taken;
  }
  return taken;
}

/** Only the writer may name the writer's stream: of others it would hide a change. */
function textFor({ text, origin }: EventFrame, { streamId, userId }: Taking['reader']): Buffer | undefined {
  return origin?.streamId === streamId && origin.userId === userId ? origin.text : text;
}
