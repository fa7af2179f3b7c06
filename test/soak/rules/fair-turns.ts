// Whether each board of a stream has its turn: what of one is due does not wait until another has been told all (E5).

/** By then a node has heard of an event, also by the sweep that follows when LISTEN was lost. */
const HEARD_MS = 20_000;
/**
 * What may come in between: the buffers of two kernels and of the node for a client that did not read, and a turn of each
 * other board, of which one has more than a few bytes.
 */
const MOST_BYTES = 12 * 2 ** 20;
const SAMPLE_MS = 250;

interface Share {
  /** Bytes of its events. */
  own: number;
  /** When the last one came, and how many bytes of others had come then. */
  at: number;
  others: number;
}

/** Over one connection. Counts bytes, so that it does not matter how fast the machine is. */
export class FairTurns {
  readonly #startedAt = performance.now();
  readonly #shares = new Map<string, Share>();
  readonly #samples: Array<{ at: number; bytes: number }> = [];
  #bytes = 0;

  /**
   * An event has come.
   *
   * @param writtenAt when its write was acknowledged, by performance.now(); undefined when nobody knows
   * @returns how many bytes of other boards came before it while it was due, when that were too many
   */
  heard(boardId: string, bytes: number, writtenAt: number | undefined): number | undefined {
    const now = performance.now();
    const share = this.#shares.get(boardId) ?? { own: 0, at: this.#startedAt, others: 0 };
    const others = this.#bytes - share.own;
    const dueAt = writtenAt === undefined ? now : writtenAt + HEARD_MS;
    const before = dueAt >= now ? others : dueAt > share.at ? this.#bytesAt(dueAt) - share.own : share.others;
    this.#bytes += bytes;
    this.#shares.set(boardId, { own: share.own + bytes, at: now, others });
    if (now - (this.#samples.at(-1)?.at ?? 0) > SAMPLE_MS) this.#samples.push({ at: now, bytes: this.#bytes });
    return others - before > MOST_BYTES ? others - before : undefined;
  }

  /** @returns how many bytes had come until then, at most */
  #bytesAt(at: number): number {
    return this.#samples.find((sample) => sample.at >= at)?.bytes ?? this.#bytes;
  }
}
