// Which streams of this node depend on which session or token, and their end when that has ended (E6).

import { setImmediate as nextTurn } from 'node:timers/promises';
import { BatchedLookup } from '../background/batched-lookup.ts';
import { LoggedFailures } from '../background/failures.ts';
import { Task } from '../background/task.ts';
import type { Logger } from '../logging/logger.ts';
import { isUnavailable } from '../postgres/database-problem.ts';
import { Access, type AccessEnd } from './access.ts';
import { callAt } from './call-at.ts';
import type { Grant } from './grant.ts';

/** Grants of one question of a sweep: those who open a stream meanwhile wait for one of them at most. */
const SWEEP_BATCH = 1000;
/** Grants whose streams are closed before the event loop gets a turn. */
const ENDED_AT_ONCE = 100;

/** Milliseconds that are left of each by the clock of the database, and nothing for those that it does not have. */
export type ReadRemaining = (grantIds: string[]) => Promise<ReadonlyMap<string, number>>;

export interface AccessWatchOptions {
  readRemaining: ReadRemaining;
  log: Logger;
  /** How often all are looked up: the bound on what a lost announcement costs. */
  sweepMs: number;
}

/** A grant that streams of this node hang on. */
interface HeldGrant {
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
  readonly #held = new Map<string, HeldGrant>();
  readonly #failures: LoggedFailures;
  readonly #sweep: Task;
  readonly #sweepMs: number;

  constructor({ readRemaining, log, sweepMs }: AccessWatchOptions) {
    this.#sweepMs = sweepMs;
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
  admit({ id, streamsId, expiresAt, hold, claims }: Grant): Access {
    const ids = [id, streamsId].filter((each) => each !== undefined);
    const releases: Array<() => void> = [];
    const access = new Access({
      claims,
      confirm: async () => {
        if (ids.length > 0) await this.#check(ids);
      },
      release: () => {
        for (const release of releases) release();
      },
    });
    for (const each of ids) releases.push(this.#holdBy(each, access));
    if (hold) {
      releases.push(hold({ end: (reason) => access.end(reason), reclaim: (now) => access.reclaim(now) }));
    } else if (id === undefined && expiresAt !== null) {
      // By the clock of this node, as the JWT was checked by it.
      releases.push(callAt(Date.parse(expiresAt), () => access.end('expired')));
    }
    return access;
  }

  /** A hint that these may have ended. Returns at once. */
  announced(grantIds: string[]): void {
    const ours = grantIds.filter((id) => this.#held.has(id));
    if (ours.length > 0) this.#checkSoon(ours);
  }

  /** Looks all of them up. Call also when announcements may have been lost. Returns at once. */
  recheck(): void {
    this.#sweep.hurry();
  }

  /** @returns ends the hold */
  #holdBy(id: string, access: Access): () => void {
    const held = this.#held.get(id) ?? { accesses: new Set(), endsAt: Infinity, timer: undefined };
    this.#held.set(id, held);
    held.accesses.add(access);
    return () => {
      held.accesses.delete(access);
      if (held.accesses.size > 0 || this.#held.get(id) !== held) return;
      clearTimeout(held.timer);
      this.#held.delete(id);
    };
  }

  async #checkAll(stopping: AbortSignal): Promise<number> {
    const ids = [...this.#held.keys()];
    for (let start = 0; start < ids.length && !stopping.aborted; start += SWEEP_BATCH) {
      await this.#check(ids.slice(start, start + SWEEP_BATCH));
    }
    return this.#sweepMs;
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
      const held = this.#held.get(id);
      if (!held) continue;
      const reason = this.#look(id, held, remaining.get(id));
      if (!reason) continue;
      for (const access of [...held.accesses]) access.end(reason);
      ended += 1;
      if (ended % ENDED_AT_ONCE === 0) await nextTurn();
    }
  }

  /** @returns why it has ended; undefined when it has not */
  #look(id: string, held: HeldGrant, leftMs: number | undefined): AccessEnd | undefined {
    const now = performance.now();
    // Expired rows are removed, perhaps while this node did not reach the database.
    if (leftMs === undefined) return held.endsAt <= now ? 'expired' : 'revoked';
    if (leftMs <= 0) return 'expired';
    held.endsAt = now + leftMs;
    clearTimeout(held.timer);
    // For all others a sweep comes first. Never before the end, or the look that follows would find it not over.
    if (leftMs < 2 * this.#sweepMs) {
      held.timer = setTimeout(() => this.#checkSoon([id]), Math.ceil(leftMs) + 1).unref();
    }
    return undefined;
  }
}
