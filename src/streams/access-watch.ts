// Which streams of this node depend on which session or token, and their end when that has ended (E6).

import { setImmediate as nextTurn } from 'node:timers/promises';
import { LoggedFailures } from '../background/failures.ts';
import { Task } from '../background/task.ts';
import type { Logger } from '../logger.ts';
import { isUnavailable } from '../postgres/database-problem.ts';
import { Access, type AccessEnd, type Grant } from './access.ts';
import { BatchedLookup } from './batched-lookup.ts';
import { callAt } from './call-at.ts';

/** How often all are looked up: the bound on what a lost announcement costs. */
const SWEEP_INTERVAL_MS = 5000;
/** Credentials of one question of a sweep: those who open a stream meanwhile wait for one of them at most. */
const SWEEP_BATCH = 1000;
/** Credentials whose streams are closed before the event loop gets a turn. */
const ENDED_AT_ONCE = 100;

/** Milliseconds that are left of each by the clock of the database, and nothing for those that it does not have. */
export type ReadRemaining = (credentialIds: string[]) => Promise<ReadonlyMap<string, number>>;

export interface AccessWatchOptions {
  readRemaining: ReadRemaining;
  log: Logger;
}

interface Credential {
  accesses: Set<Access>;
  /** On the clock of `performance.now()`, as of the last look. */
  endsAt: number;
  /** Set when that is soon. */
  timer: NodeJS.Timeout | undefined;
}

/**
 * Nothing is closed but by what the database says: an announcement is a hint that anyone can forge, and the end of a
 * session is put off by requests to any node. While the database is away, all stays as it is. Time is counted in
 * what is left by the clock of the database, because that of the node may be wrong.
 */
export class AccessWatch {
  readonly #lookup: BatchedLookup<number>;
  readonly #credentials = new Map<string, Credential>();
  readonly #failures: LoggedFailures;
  readonly #sweep: Task;

  constructor({ readRemaining, log }: AccessWatchOptions) {
    this.#lookup = new BatchedLookup(readRemaining);
    this.#failures = new LoggedFailures({
      log,
      owner: 'access watch',
      failing: 'sessions and tokens cannot be looked up; streams stay open as they are',
      healed: 'sessions and tokens can be looked up again',
      isOutage: isUnavailable,
    });
    this.#sweep = new Task({ run: (stopping) => this.#checkAll(stopping), failures: this.#failures });
  }

  start(): void {
    void this.#sweep.start();
  }

  /** The streams are closed by then. Resolves when nothing of it is under way any more. */
  async stop(): Promise<void> {
    await this.#sweep.stop();
  }

  /** From now on an end of the grant is heard. What has ended it before, `confirm` finds. */
  admit({ credentialId, expiresAt }: Grant): Access {
    if (credentialId !== undefined) return this.#admitBy(credentialId);
    let stopWaiting = () => {};
    const access = new Access({ confirm: async () => {}, release: () => stopWaiting() });
    // By the clock of this node, as the JWT was checked by it.
    if (expiresAt !== null) stopWaiting = callAt(Date.parse(expiresAt), () => access.end('expired'));
    return access;
  }

  /** A hint that these may have ended. Returns at once. */
  announced(credentialIds: string[]): void {
    const ours = credentialIds.filter((id) => this.#credentials.has(id));
    if (ours.length > 0) this.#checkSoon(ours);
  }

  /** Looks all of them up. Call also when announcements may have been lost. Returns at once. */
  recheck(): void {
    this.#sweep.hurry();
  }

  #admitBy(id: string): Access {
    const credential = this.#credentials.get(id) ?? { accesses: new Set(), endsAt: Infinity, timer: undefined };
    this.#credentials.set(id, credential);
    const access = new Access({
      confirm: () => this.#check([id]),
      release: () => {
        credential.accesses.delete(access);
        if (credential.accesses.size > 0 || this.#credentials.get(id) !== credential) return;
        clearTimeout(credential.timer);
        this.#credentials.delete(id);
      },
    });
    credential.accesses.add(access);
    return access;
  }

  async #checkAll(stopping: AbortSignal): Promise<number> {
    const ids = [...this.#credentials.keys()];
    for (let start = 0; start < ids.length && !stopping.aborted; start += SWEEP_BATCH) {
      await this.#check(ids.slice(start, start + SWEEP_BATCH));
    }
    return SWEEP_INTERVAL_MS;
  }

  #checkSoon(ids: string[]): void {
    this.#check(ids).catch((error) => {
      if (this.#sweep.isStopping) return;
      // Told here as well: of an end that could not be carried out the sweep would see nothing any more.
      this.#failures.failed(error);
      this.#sweep.wake();
    });
  }

  async #check(ids: string[]): Promise<void> {
    const remaining = await this.#lookup.ask(ids);
    let ended = 0;
    for (const id of ids) {
      const credential = this.#credentials.get(id);
      if (!credential) continue;
      const reason = this.#look(id, credential, remaining.get(id));
      if (!reason) continue;
      for (const access of [...credential.accesses]) access.end(reason);
      ended += 1;
      if (ended % ENDED_AT_ONCE === 0) await nextTurn();
    }
  }

  /** @returns why it has ended; undefined when it has not */
  #look(id: string, credential: Credential, leftMs: number | undefined): AccessEnd | undefined {
    const now = performance.now();
    // Expired rows are swept away, perhaps while this node did not reach the database.
    if (leftMs === undefined) return credential.endsAt <= now ? 'expired' : 'revoked';
    if (leftMs <= 0) return 'expired';
    credential.endsAt = now + leftMs;
    clearTimeout(credential.timer);
    // For all others a sweep comes first. Never before the end, or the look that follows would find it not over.
    if (leftMs < 2 * SWEEP_INTERVAL_MS) {
      credential.timer = setTimeout(() => this.#checkSoon([id]), Math.ceil(leftMs) + 1).unref();
    }
    return undefined;
  }
}
