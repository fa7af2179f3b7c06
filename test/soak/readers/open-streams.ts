// Which streams the readers hold open, as they know it themselves.

interface HeldOpen {
  streamId: string;
  boardId: string;
  userId: string;
  since: number;
  until?: number;
}

/** How long what has ended is remembered. */
const MEMORY_MS = 60_000;

/** Compared with the registry, which lags behind by the time that a beat or a round trip takes. */
export class OpenStreams {
  /** What streams have of their boards. */
  readonly #held = new Map<string, HeldOpen>();

  opened(streamId: string, boardId: string, userId: string): void {
    this.#held.set(`${streamId} ${boardId}`, { streamId, boardId, userId, since: performance.now() });
  }

  /** With its last board a stream is no more. */
  ended(streamId: string, boardId: string): void {
    const now = performance.now();
    const held = this.#held.get(`${streamId} ${boardId}`);
    if (held) held.until = now;
    for (const [key, { until = now }] of this.#held) if (now - until > MEMORY_MS) this.#held.delete(key);
  }

  get size(): number {
    const open = [...this.#held.values()].filter(({ until }) => until === undefined);
    return new Set(open.map(({ streamId }) => streamId)).size;
  }

  /** @returns streams that were open all the last `ms`, by id */
  steady(boardId: string, ms: number): Map<string, string> {
    const now = performance.now();
    return this.#users(boardId, ({ since, until }) => until === undefined && now - since >= ms);
  }

  /** @returns streams that were open at any moment of the last `ms`, by id */
  recent(boardId: string, ms: number): Map<string, string> {
    const now = performance.now();
    return this.#users(boardId, ({ until }) => until === undefined || now - until < ms);
  }

  #users(boardId: string, fits: (stream: HeldOpen) => boolean): Map<string, string> {
    const found = new Map<string, string>();
    for (const stream of this.#held.values()) {
      if (stream.boardId === boardId && fits(stream)) found.set(stream.streamId, stream.userId);
    }
    return found;
  }
}
