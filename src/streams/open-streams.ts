// All streams that are open on this node, for those who care for each of them: heartbeat, registry, drain.

import type { EndReason } from './close-reason.ts';
import type { Stream } from './stream.ts';

export interface OpenStreamsListener {
  opened(stream: Stream): void;
  /** Exactly once for each `opened`. */
  ended(stream: Stream, reason: EndReason): void;
}

export class OpenStreams {
  readonly #streams = new Set<Stream>();
  readonly #listeners: OpenStreamsListener[] = [];
  readonly #onFault: (error: unknown) => void;
  #draining = false;

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

  [Symbol.iterator](): IterableIterator<Stream> {
    return this.#streams.values();
  }

  /** Listeners are called in the order in which they came, and never leave. */
  subscribe(listener: OpenStreamsListener): void {
    this.#listeners.push(listener);
  }

  add(stream: Stream): void {
    this.#streams.add(stream);
    this.#tell((listener) => listener.opened(stream));
  }

  delete(stream: Stream, reason: EndReason): void {
    if (!this.#streams.delete(stream)) return;
    this.#tell((listener) => listener.ended(stream, reason));
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
   */
  async drain(overMs: number): Promise<void> {
    this.#draining = true;
    if (overMs === 0) {
      for (const stream of [...this.#streams]) stream.close('shutdown');
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
                stream.close('shutdown');
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
