// The broadcasts of one board and moment, encoded once for every stream that gets them.

import { type Chunk, joinChunk } from '../streams/wire/frame.ts';
import { type Broadcast, broadcastFrame } from './broadcast.ts';

/** A stream, as far as it matters whether a broadcast is its own. */
export interface Receiver {
  streamId: string;
  userId: string;
}

/** Where in the text the frame of a sender is who has named a stream. */
interface Named {
  userId: string;
  start: number;
  end: number;
}

export class BroadcastBatch {
  /** How many they are. */
  readonly size: number;
  readonly #chunk: Chunk;
  readonly #named = new Map<string, Named[]>();

  /** @param broadcasts not empty */
  constructor(boardId: string, broadcasts: Broadcast[]) {
    this.size = broadcasts.length;
    let start = 0;
    const frames = broadcasts.map((broadcast) => {
      const frame = Buffer.from(broadcastFrame(boardId, broadcast));
      const { user, streamId } = broadcast.from;
      if (streamId !== undefined) this.#add(streamId, { userId: user.id, start, end: start + frame.length });
      start += frame.length;
      return frame;
    });
    this.#chunk = joinChunk(frames);
  }

  /**
   * @returns all frames in one piece, the same for all; to a stream that its own user has named, the parts between
   *   those that are its own. (Of other users it would hide what they are told.)
   */
  framesFor({ streamId, userId }: Receiver): Chunk | Buffer[] {
    const own = this.#named.get(streamId)?.filter((named) => named.userId === userId) ?? [];
    if (own.length === 0) return this.#chunk;
    const { text } = this.#chunk;
    const starts = [0, ...own.map(({ end }) => end)];
    const ends = [...own.map(({ start }) => start), text.length];
    return starts.map((start, index) => text.subarray(start, ends[index])).filter(({ length }) => length > 0);
  }

  #add(streamId: string, named: Named): void {
    const others = this.#named.get(streamId);
    if (others) others.push(named);
    else this.#named.set(streamId, [named]);
  }
}
