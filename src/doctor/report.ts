// What the checks have found, told as they go: none of them ends the others, and none of them goes on for ever.

export type State = 'ok' | 'warn' | 'fail' | 'skipped';

export interface Finding {
  check: string;
  state: State;
  /** One line: what was found and, where it is not well, how to mend it and by which setting. */
  text: string;
}

/** Something is not as it must be. The message is one line that says how to mend it. */
export class Fault extends Error {
  override readonly name = 'Fault';
}

/** It works, and may not for ever. */
export interface Warning {
  warning: string;
}

export interface ReportOptions {
  tell: (finding: Finding) => Promise<void>;
  /** @returns one line for any error */
  explain: (error: unknown) => string;
  /** Ends it. */
  stopping: AbortSignal;
}

/** Longer than what is checked waits by itself: connections, answers, poolers that let one wait. */
const PATIENCE_MS = 60_000;

export class Report {
  readonly #options: ReportOptions;
  #failures = 0;

  constructor(options: ReportOptions) {
    this.#options = options;
  }

  get failures(): number {
    return this.#failures;
  }

  get stopping(): AbortSignal {
    return this.#options.stopping;
  }

  async tell(check: string, state: State, text: string): Promise<void> {
    if (state === 'fail') this.#failures += 1;
    await this.#options.tell({ check, state, text: text.replaceAll(/\s*\n\s*/g, ' ') });
  }

  /**
   * @param look gives what was found, in one line; throws what makes it fail
   * @param patienceMs after which it has failed; default a minute
   * @returns whether it has not failed
   * @throws the reason of the signal that ends the report
   */
  async run(check: string, look: () => Promise<string | Warning>, patienceMs = PATIENCE_MS): Promise<boolean> {
    try {
      const found = await this.#bounded(look, patienceMs);
      if (typeof found === 'string') await this.tell(check, 'ok', found);
      else await this.tell(check, 'warn', found.warning);
      return true;
    } catch (error) {
      this.stopping.throwIfAborted();
      await this.tell(check, 'fail', this.#options.explain(error));
      return false;
    }
  }

  /** @param why the same for each of them */
  async skip(checks: readonly string[], why: string): Promise<void> {
    for (const check of checks) await this.tell(check, 'skipped', why);
  }

  async #bounded<T>(look: () => Promise<T>, patienceMs: number): Promise<T> {
    this.stopping.throwIfAborted();
    let end = () => {};
    const ended = new Promise<never>((_resolve, reject) => {
      const late = `no answer within ${patienceMs / 1000} s: something on the way takes what is sent and says nothing.`;
      const timer = setTimeout(() => reject(new Fault(late)), patienceMs);
      const stop = () => reject(this.stopping.reason);
      this.stopping.addEventListener('abort', stop);
      end = () => {
        clearTimeout(timer);
        this.stopping.removeEventListener('abort', stop);
      };
    });
    try {
      return await Promise.race([look(), ended]);
    } finally {
      end();
    }
  }
}
