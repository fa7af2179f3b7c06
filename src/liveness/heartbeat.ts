// The one scheduler of a process that visits every open stream once per interval.

import type { Follower } from '../streams/follower.ts';
import type { Stream } from '../streams/stream.ts';
import { type Chunk, encodeChunk, heartbeatFrame } from '../streams/wire/frame.ts';

/** The interval is cut into so many turns, each with its share of the streams, so that there is no burst. */
const TURNS = 60;

export interface HeartbeatOptions {
  intervalMs: number;
  /** Streams older than this, give or take a fifth, are closed as `rotated`. */
  maxAgeMs: number;
}

export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #turns: Array<Set<Stream>> = Array.from({ length: TURNS }, () => new Set());
  readonly #places = new Map<Stream, { turn: Set<Stream>; rotateAt: number }>();
  #current = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#takeTurn(), this.#options.intervalMs / TURNS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Its first heartbeat comes one interval from now: the turn that has just been is the last to come round. */
  add(stream: Stream): void {
    const turn = this.#turns[(this.#current + TURNS - 1) % TURNS] as Set<Stream>;
    turn.add(stream);
    const rotateAt = performance.now() + this.#options.maxAgeMs * (0.8 + Math.random() * 0.4);
    this.#places.set(stream, { turn, rotateAt });
  }

  remove(stream: Stream): void {
    this.#places.get(stream)?.turn.delete(stream);
    this.#places.delete(stream);
  }

  #takeTurn(): void {
    const turn = this.#turns[this.#current] as Set<Stream>;
    this.#current = (this.#current + 1) % TURNS;
    const chunks = new Map<string, Chunk>();
    const now = performance.now();
    for (const stream of [...turn]) {
      // Behind a proxy the peer is the proxy, and a client that vanished looks alive: an age bounds that.
      if (now >= (this.#places.get(stream)?.rotateAt ?? Infinity)) stream.close('rotated');
      else stream.sendHeartbeats(toldOf(stream).map((follower) => chunkFor(follower, chunks)));
    }
  }
}

/** Of a board whose reset is due nothing is said before it. But where that is so of all, silence would mean the stream's death. */
function toldOf({ followers }: Stream): Follower[] {
  const all = [...followers];
  const placed = all.filter(({ isLost }) => !isLost);
  return placed.length > 0 ? placed : all;
}

function chunkFor({ boardId, newestCursor }: Follower, chunks: Map<string, Chunk>): Chunk {
  let chunk = chunks.get(boardId);
  if (!chunk) {
    chunk = encodeChunk(heartbeatFrame({ boardId, cursor: newestCursor }));
    chunks.set(boardId, chunk);
  }
  return chunk;
}
