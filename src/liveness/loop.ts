// Runs one piece of work again and again, never two at once.

/** Does nothing until `start()`. */
export class Loop {
  readonly #turn: () => Promise<number>;
  #running: Promise<void> | undefined;
  #stopping = false;
  #woken = false;
  #endPause: (() => void) | undefined;

  /** @param turn must not reject; resolves to how many milliseconds to wait before the next one */
  constructor(turn: () => Promise<number>) {
    this.#turn = turn;
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  /** Resolves after the first turn. */
  async start(): Promise<void> {
    if (this.#running || this.#stopping) return;
    const first = this.#turn();
    this.#running = this.#run(first);
    await first;
  }

  /** Resolves when the turn under way has ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.wake();
    await this.#running;
  }

  /** Ends the pause, or skips the next one if a turn is under way. */
  wake(): void {
    this.#woken = true;
    this.#endPause?.();
  }

  async #run(first: Promise<number>): Promise<void> {
    await this.#pause(await first);
    while (!this.#stopping) await this.#pause(await this.#turn());
  }

  async #pause(ms: number): Promise<void> {
    if (!this.#woken && ms > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#endPause = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#endPause = undefined;
    }
    this.#woken = false;
  }
}
