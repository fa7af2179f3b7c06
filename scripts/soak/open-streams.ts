// Which streams the readers hold open, as they know it themselves.

interface HeldOpen {
  boardId: string;
  userId: string;
  since: number;
  until?: number;
}

/** How long what has ended is remembered. */
const MEMORY_MS = 60_000;

/** Compared with the registry, which lags behind by the time that a beat or a round trip takes. */
export class OpenStreams {
  readonly #streams = new Map<string, HeldOpen>();

  opened(streamId: string, boardId: string, userId: string): void {
    this.#streams.set(streamId, { boardId, userId, since: performance.now() });
  }

  ended(streamId: string): void {
    const now = performance.now();
    const stream = this.#streams.get(streamId);
    if (stream) stream.until = now;
    for (const [id, { until = now }] of this.#streams) if (now - until > MEMORY_MS) this.#streams.delete(id);
  }

  get size(): number {
    return [...this.#streams.values()].filter(({ until }) => until === undefined).length;
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
    for (const [id, stream] of this.#streams) {
      if (stream.boardId === boardId && fits(stream)) found.set(id, stream.userId);
    }
    return found;
  }
}
