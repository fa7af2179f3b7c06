// All streams that are open on this node, for those who care for each of them: heartbeat, registry, drain.

import type { Follower } from './follower.ts';
import type { Stream } from './stream.ts';
import type { EndReason, RetrySpan } from './wire/close-reason.ts';

export interface OpenStreamsListener {
  opened?(stream: Stream): void;
  /** For each board of a stream that has opened. */
  followed?(follower: Follower): void;
  /** Exactly once for each `followed`, before the end of the stream. */
  left?(follower: Follower, reason: EndReason): void;
  /** Exactly once for each `opened`. */
  ended?(stream: Stream, reason: EndReason): void;
}

export class OpenStreams {
  readonly #streams = new Set<Stream>();
  readonly #listeners: OpenStreamsListener[] = [];
  readonly #onFault: (error: unknown) => void;
  #draining = false;
  #retryMs: RetrySpan | undefined;

  /** @param onFault hears of a listener that threw: the others are told, and the stream goes on or ends as it would */
  constructor(onFault: (error: unknown) => void) {
    this.#onFault = onFault;
  }

  get size(): number {
    return this.#streams.size;
  }

  /** True when new streams have to go to another node. */
  get isDraining(): boolean {
    return this.#draining;
  }

  /** How soon clients are told to come back from now on; undefined: as the reason has it. */
  get retryMs(): RetrySpan | undefined {
    return this.#retryMs;
  }

  [Symbol.iterator](): IterableIterator<Stream> {
    return this.#streams.values();
  }

  /** Listeners are called in the order in which they came, and never leave. */
  subscribe(listener: OpenStreamsListener): void {
    this.#listeners.push(listener);
  }

  add(stream: Stream): void {
    this.#streams.add(stream);
    this.#tell((listener) => listener.opened?.(stream));
    for (const follower of stream.followers) this.#tell((listener) => listener.followed?.(follower));
  }

  /** One board of an open stream has ended, and the stream goes on. */
  leave(follower: Follower, reason: EndReason): void {
    this.#tell((listener) => listener.left?.(follower, reason));
  }

  delete(stream: Stream, reason: EndReason): void {
    if (!this.#streams.delete(stream)) return;
    for (const follower of stream.followers) this.leave(follower, reason);
    this.#tell((listener) => listener.ended?.(stream, reason));
  }

  #tell(tell: (listener: OpenStreamsListener) => void): void {
    for (const listener of this.#listeners) {
      try {
        tell(listener);
      } catch (error) {
        this.#onFault(error);
      }
    }
  }

  /**
   * Takes no new streams, and closes the open ones in random order, evenly over the time. Can be called again with a
   * shorter time: what is still open then goes by that.
   *
   * @param overMs 0 closes all of them now
   * @param retryMs how soon their clients are told to come back; default: as it was
   */
  async drain(overMs: number, retryMs?: RetrySpan): Promise<void> {
    this.#draining = true;
    this.#retryMs = retryMs ?? this.#retryMs;
    if (overMs === 0) {
      for (const stream of [...this.#streams]) stream.close('shutdown', this.#retryMs);
      return;
    }
    const waiting = [...this.#streams];
    shuffle(waiting);
    await Promise.all(
      waiting.map(
        (stream, index) =>
          new Promise<void>((resolve) => {
            setTimeout(
              () => {
                stream.close('shutdown', this.#retryMs);
                resolve();
              },
              (overMs * index) / waiting.length,
            );
          }),
      ),
    );
  }
}

/** Fisher and Yates. */
function shuffle(list: unknown[]): void {
  for (let last = list.length - 1; last > 0; last -= 1) {
    const other = Math.floor(Math.random() * (last + 1));
    [list[last], list[other]] = [list[other], list[last]];
  }
}
