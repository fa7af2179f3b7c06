// One node as a process of its own, always on the same port, started again whenever it ends.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Violations } from '../violations.ts';

const cli = fileURLToPath(new URL('../../../dist/cli.js', import.meta.url));
const RESTART_MS = 300;
/** `DRAIN_SECONDS` of each node. */
export const DRAIN_MS = 3000;
const START_MS = 30_000;
const LAST_LINES = 6;
const ERROR_LEVEL = 50;

export interface SoakNodeOptions {
  index: number;
  port: number;
  logFile: string;
  environment: Record<string, string>;
  violations: Violations;
  /** Whether a node cannot start now, through no fault of its own. */
  cannotStart: () => boolean;
}

type State = 'starting' | 'up' | 'paused' | 'ending' | 'down' | 'stopped';

export class SoakNode {
  readonly index: number;
  readonly port: number;
  readonly url: string;
  readonly #options: SoakNodeOptions;
  #child: ChildProcess | undefined;
  #exited: Promise<unknown> = Promise.resolve();
  #state: State = 'down';
  #clockSkewMs = 0;
  /** The largest resident memory that was seen, in MiB. */
  peakMiB = 0;
  restarts = 0;

  constructor(options: SoakNodeOptions) {
    this.#options = options;
    this.index = options.index;
    this.port = options.port;
    this.url = `http://127.0.0.1:${options.port}`;
    // Whoever is killed ends nothing in order.
    process.once('exit', () => this.#child?.kill('SIGKILL'));
  }

  /** For whoever has talked to it and knows what no promise allows. */
  complain(rule: string, detail: string): void {
    this.#options.violations.add(rule, `node ${this.index}: ${detail}`);
  }

  get state(): State {
    return this.#state;
  }

  /** Resolves when it answers. A start that fails because of a fault elsewhere is tried again, as a supervisor does. */
  async start(clockSkewMs = 0): Promise<void> {
    this.#clockSkewMs = clockSkewMs;
    while (!(await this.#startOnce())) await delay(RESTART_MS);
  }

  /** Ends it without a word, and does not start it again. */
  async kill(): Promise<void> {
    this.#state = 'ending';
    this.#child?.kill('SIGKILL');
    await this.#exited;
  }

  /** Ends it as a deploy does. @returns how long that took, in milliseconds */
  async terminate(): Promise<number> {
    const before = performance.now();
    this.#state = 'ending';
    const child = this.#child;
    child?.kill('SIGTERM');
    await this.#exited;
    if (child?.exitCode !== 0) await this.#complain('a node that is told to stop ends with 0', child);
    return performance.now() - before;
  }

  pause(): void {
    this.#state = 'paused';
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    if (this.#state === 'paused') this.#state = 'up';
    this.#child?.kill('SIGCONT');
  }

  /** Ends it for good. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#state = 'stopped';
    child?.kill('SIGCONT');
    child?.kill('SIGINT');
    const isSlow = await Promise.race([this.#exited, delay(5000, true, { ref: false })]);
    if (isSlow === true) child?.kill('SIGKILL');
    await this.#exited;
  }

  /** Reads its resident memory. */
  async sampleMemory(): Promise<void> {
    const status = await readFile(`/proc/${this.#child?.pid}/status`, 'utf8').catch(() => '');
    const kib = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
    this.peakMiB = Math.max(this.peakMiB, kib / 1024);
  }

  /** What it has logged at the level of errors, in all of its lives. */
  async loggedErrors(): Promise<string[]> {
    const lines = await this.#logLines();
    return lines.filter((line) => Number(/^\{"level":(\d+)/.exec(line)?.[1] ?? 0) >= ERROR_LEVEL);
  }

  /** Why its streams have ended, one for each, in all of its lives. */
  async loggedEnds(): Promise<string[]> {
    const lines = await this.#logLines();
    return lines
      .filter((line) => line.includes('"stream closed"'))
      .map((line) => /"reason":"(\w+)"/.exec(line)?.[1] ?? 'unknown');
  }

  async #logLines(): Promise<string[]> {
    return (await readFile(this.#options.logFile, 'utf8')).split('\n');
  }

  async #startOnce(): Promise<boolean> {
    if (this.#isStopped()) return true;
    this.#state = 'starting';
    const child = this.#spawn();
    let couldSince = performance.now();
    while (child.exitCode === null && child.signalCode === null) {
      if (await this.#answers()) {
        if (this.#state === 'starting') this.#state = 'up';
        return true;
      }
      // It waits for a PostgreSQL that is away, however long that is.
      if (this.#options.cannotStart()) couldSince = performance.now();
      if (performance.now() - couldSince > START_MS) {
        await this.#complain(`a node answers within ${START_MS} ms`, child);
        this.#state = 'ending';
        child.kill('SIGKILL');
        await this.#exited;
        return false;
      }
      await delay(50);
    }
    return this.#isStopped();
  }

  // A method and not a comparison in place: the state changes while something is awaited.
  #isStopped(): boolean {
    return this.#state === 'stopped';
  }

  #spawn(): ChildProcess {
    const { environment, port, logFile } = this.#options;
    const log = openSync(logFile, 'a');
    const child = spawn(process.execPath, [cli, 'serve'], {
      // A group of its own: a Ctrl-C must not reach it before the readers have gone.
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...environment, PORT: `${port}`, NODE_OPTIONS: skewedClock(this.#clockSkewMs) },
    });
    closeSync(log);
    this.#child = child;
    this.#exited = once(child, 'exit').then(() => this.#onExit(child));
    return child;
  }

  async #onExit(child: ChildProcess): Promise<void> {
    if (this.#child === child) this.#child = undefined;
    const state = this.#state;
    if (state === 'ending' || state === 'stopped') {
      if (state === 'ending') this.#state = 'down';
      return;
    }
    if (state === 'starting' && this.#options.cannotStart()) return;
    await this.#complain('no node ends by itself', child);
    this.restarts += 1;
    if (state !== 'starting') void this.start(this.#clockSkewMs);
  }

  async #answers(): Promise<boolean> {
    try {
      const { ok } = await fetch(`${this.url}/livez`, { signal: AbortSignal.timeout(1000) });
      return ok;
    } catch {
      return false;
    }
  }

  async #complain(rule: string, child: ChildProcess | undefined): Promise<void> {
    const text = await readFile(this.#options.logFile, 'utf8').catch(() => '');
    const lines = text.trimEnd().split('\n').slice(-LAST_LINES);
    const how = `code ${child?.exitCode}, signal ${child?.signalCode}`;
    this.#options.violations.add(rule, `node ${this.index} while ${this.#state}: ${how}`, lines);
  }
}

/** Moves the wall clock of a process; what is measured with performance.now() stays as it is. */
function skewedClock(skewMs: number): string {
  if (skewMs === 0) return '';
  const code =
    `const now=Date.now;const Real=Date;Date.now=()=>now()+(${skewMs});` +
    'globalThis.Date=class extends Real{constructor(...a){if(a.length===0)super(Real.now());else super(...a)}};';
  return `--import=data:text/javascript,${encodeURIComponent(code)}`;
}
