// Who writes next to one socket, where several boards share its byte budget.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SseConnection } from './wire/sse-connection.ts';

/** Turns that are taken before the event loop gets one: what comes from memory to a fast client waits for nothing. */
const TURNS_AT_ONCE = 16;

/**
 * What a turn begins with. `room`: no more than a quarter of the budget waits. `idle`: nothing waits, so that one event
 * may be larger than the budget. `frame`: as with `room`, and nobody else writes until its promise is settled.
 */
export type TurnKind = 'room' | 'idle' | 'frame';

interface Turn {
  kind: TurnKind;
  write: () => void | Promise<void>;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/**
 * First come, first served, a turn each: who has more to write comes again, behind those who wait. However many wait, one
 * wait for the socket serves them all. Each board of the stream has one turn here at most, and none of them holds what it
 * will write before it is its turn, but for the few pages that {@link Follower} lets a stream read ahead.
 */
export class SocketTurns {
  readonly #connection: Pick<SseConnection, 'drained' | 'writeText' | 'gone' | 'isHeld'>;
  readonly #onStall: () => void;
  readonly #waiting: Turn[] = [];
  /** What is to be said when the frame under way has ended. */
  readonly #said: string[] = [];
  #isRunning = false;
  #isInFrame = false;

  /** @param onStall ends the stream: its client takes nothing any more */
  constructor(connection: Pick<SseConnection, 'drained' | 'writeText' | 'gone' | 'isHeld'>, onStall: () => void) {
    this.#connection = connection;
    this.#onStall = onStall;
  }

  /** Whether all have to wait for one: what is live must be replayed. Without it that one might never find its room. */
  get isHeld(): boolean {
    return this.#connection.isHeld;
  }

  /** Whether the client waits for the rest of a frame: whatever is written now becomes a part of it. */
  get isInFrame(): boolean {
    return this.#isInFrame;
  }

  /**
   * @param write called when it is its turn; not when the connection has stalled
   * @returns resolves when it has been called, or the stream has ended. Rejects with what it has thrown
   */
  take(kind: TurnKind, write: Turn['write']): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ kind, write, resolve, reject });
      if (!this.#isRunning) void this.#run();
    });
  }

  /** Writes a frame without an id at once, or after the frame that is under way. */
  say(text: string): void {
    if (this.#isInFrame) this.#said.push(text);
    else this.#connection.writeText(text);
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    let taken = 0;
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      this.#connection.isHeld = next.kind !== 'room';
      const moves = await this.#connection.drained(next.kind === 'idle' ? 0 : undefined);
      this.#waiting.shift();
      if (moves) await this.#give(next);
      else this.#onStall();
      next.resolve();
      taken += 1;
      if (taken % TURNS_AT_ONCE === 0) await nextTurn();
    }
    this.#connection.isHeld = false;
    this.#isRunning = false;
  }

  async #give({ kind, write, reject }: Turn): Promise<void> {
    try {
      if (kind === 'frame') await this.#giveFrame(write);
      else await write();
    } catch (error) {
      reject(error);
    }
  }

  async #giveFrame(write: Turn['write']): Promise<void> {
    this.#isInFrame = true;
    try {
      await write();
    } finally {
      this.#isInFrame = false;
      for (const text of this.#said.splice(0)) this.#connection.writeText(text);
    }
  }
}
