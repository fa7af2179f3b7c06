// Where lines of text leave the process, for which it never waits: standard output and standard error.

import { constants, openSync, writeSync } from 'node:fs';

/** What may wait for a reader or for room on a disk. */
const MAX_WAITING_BYTES = 1024 * 1024;
const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 1000;
/** What the last lines of a process may wait for a reader. */
const LAST_WORDS_MS = 200;
const LAST_WORDS_STEP_MS = 10;

export interface LogOutputOptions {
  /** 1 or 2, or the descriptor of something that is opened for writing. */
  fd: number;
  /** Bytes that may wait; default 1 MiB. */
  maxWaitingBytes?: number;
}

/**
 * Writes at once what can be written at once. The rest waits here, in order, and what comes when too much waits is
 * lost; {@link onLost} hears of it when all that waited has been written. A disk that is full, a reader that stands
 * still or has gone costs lines, and nothing else: a write that waits holds the event loop, or the thread of a pool
 * for which the end of the process waits. (pino's own destination, sonic-boom, tries for ever at the end.)
 */
export class LogOutput {
  /** Hears how many lines were lost, once they are no more. */
  onLost: (lines: number) => void = () => {};
  readonly #fd: number;
  readonly #maxWaitingBytes: number;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #lost = 0;
  #retryMs = FIRST_RETRY_MS;
  #timer: NodeJS.Timeout | undefined;

  constructor({ fd, maxWaitingBytes = MAX_WAITING_BYTES }: LogOutputOptions) {
    this.#fd = withoutWaiting(fd);
    this.#maxWaitingBytes = maxWaitingBytes;
    process.once('exit', () => this.#sayLastWords());
  }

  /** @param line with its line feed. Never throws. */
  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#waitingBytes + bytes.length > this.#maxWaitingBytes) {
      this.#lost += 1;
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (!this.#timer) this.#drain();
  }

  #drain(): void {
    const before = this.#waitingBytes;
    const fault = this.#writeWaiting();
    // A reader that is only slow is not made slower.
    if (this.#waitingBytes < before) this.#retryMs = FIRST_RETRY_MS;
    if (fault) {
      // It holds no process that has nothing else to do.
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.#drain();
      }, this.#retryMs).unref();
      this.#retryMs = Math.min(2 * this.#retryMs, LAST_RETRY_MS);
      return;
    }
    const lost = this.#lost;
    this.#lost = 0;
    if (lost > 0) this.onLost(lost);
  }

  /** @returns why something still waits: the code of an error */
  #writeWaiting(): string | undefined {
    let written = 0;
    try {
      for (; written < this.#waiting.length; written += 1) this.#writeAll(written);
      return undefined;
    } catch (error) {
      return String((error as NodeJS.ErrnoException).code);
    } finally {
      this.#waiting.splice(0, written);
    }
  }

  /** Of a line that was written in part, the rest stays: lines are never mixed. */
  #writeAll(index: number): void {
    for (let rest = this.#waiting[index]; rest && rest.length > 0; ) {
      const bytes = writeSync(this.#fd, rest);
      this.#waitingBytes -= bytes;
      rest = rest.subarray(bytes);
      this.#waiting[index] = rest;
    }
  }

  /** A reader that is only slow gets the lines that say why the process has ended. */
  #sayLastWords(): void {
    const clock = new Int32Array(new SharedArrayBuffer(4));
    for (let waited = 0; waited < LAST_WORDS_MS; waited += LAST_WORDS_STEP_MS) {
      if (this.#writeWaiting() !== 'EAGAIN') return;
      Atomics.wait(clock, 0, 0, LAST_WORDS_STEP_MS);
    }
  }
}

/** @returns a descriptor of the same thing whose writes fail (EAGAIN) where others wait */
function withoutWaiting(fd: number): number {
  try {
    // On Linux this opens the pipe, terminal or file anew, so that nobody who shares the descriptor is concerned.
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK);
  } catch {
    // A socket cannot be opened, and elsewhere there is no such path. Node takes pipes and sockets for its own streams,
    // and switches them over then.
    if (fd === 1) void process.stdout;
    if (fd === 2) void process.stderr;
    return fd;
  }
}
