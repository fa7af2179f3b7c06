// What this node is about to broadcast: all that comes within a moment goes out together.

import { setTimeout as delay } from 'node:timers/promises';
import type { BroadcastNotification } from '../events/broadcast-notifier.ts';
import { unavailable } from '../problems/problem.ts';
import { packPayloads } from './payload.ts';

/** Nobody sees a cursor move more often. A commit with a NOTIFY has a lock of the whole server, so they are few. */
const INTERVAL_MS = 20;
/** That wait for a database which hangs. */
const MAX_WAITING_BYTES = 1024 * 1024;

export interface BroadcastQueueOptions {
  /** @throws when it cannot now */
  assertUp: () => void;
  /** Sends them, in their order. @throws when they may not have been sent */
  notify: (notifications: BroadcastNotification[]) => Promise<void>;
}

/**
 * The first one after a pause leaves at once. What comes while it is under way, or within 20 ms of its start, leaves
 * with the next: a crowd makes larger statements, not more of them.
 */
export class BroadcastQueue {
  readonly #options: BroadcastQueueOptions;
  #waiting: Array<{ boardId: string; entry: string }> = [];
  #waitingBytes = 0;
  /** Of what waits. */
  #next: Promise<void> | undefined;
  #underWay: Promise<void> = Promise.resolve();
  #notBefore = 0;

  constructor(options: BroadcastQueueOptions) {
    this.#options = options;
  }

  /**
   * Resolves when it has been sent to all nodes. They get the broadcasts of one board in the order of these calls.
   *
   * @param entry as `encodeEntry` makes it
   * @throws Problem TB_UNAVAILABLE: then it is dropped
   */
  async add(boardId: string, entry: string): Promise<void> {
    this.#options.assertUp();
    if (this.#waitingBytes + entry.length > MAX_WAITING_BYTES) {
      throw unavailable('More is broadcast than the database takes. Go on later.');
    }
    this.#waiting.push({ boardId, entry });
    this.#waitingBytes += entry.length;
    this.#next ??= this.#sendWaiting();
    await this.#next;
  }

  async #sendWaiting(): Promise<void> {
    await this.#underWay;
    const early = this.#notBefore - performance.now();
    if (early > 0) await delay(early);
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#next = undefined;
    this.#notBefore = performance.now() + INTERVAL_MS;
    const sent = this.#options.notify(pack(waiting));
    this.#underWay = sent.catch(() => {});
    await sent;
  }
}

function pack(waiting: Array<{ boardId: string; entry: string }>): BroadcastNotification[] {
  const boards = new Map<string, string[]>();
  for (const { boardId, entry } of waiting) {
    const entries = boards.get(boardId);
    if (entries) entries.push(entry);
    else boards.set(boardId, [entry]);
  }
  return [...boards].flatMap(([boardId, entries]) => packPayloads(entries).map((payload) => ({ boardId, payload })));
}
