// The webhooks that this node tells, of all: claimed by a lease in the database, looked at when a board is woken, and now
// and then in any case.

import { randomUUID } from 'node:crypto';
import pLimit from 'p-limit';
import type { LoggedFailures } from '../background/failures.ts';
import { Task } from '../background/task.ts';
import { Turns } from '../background/turns.ts';
import { BoardPresence, type BoardPresenceOptions } from './board-presence.ts';
import { Delivery, type DeliveryOptions } from './delivery.ts';
import type { DeliveryStore, Held } from './delivery-store.ts';
import { presenceMessage } from './message.ts';
import { presenceEvents } from './webhook.ts';

/** Under way at once. A receiver may take its time, and the webhooks of one owner have not all of them. */
const AT_ONCE = 32;
const AT_ONCE_OF_OWNER = 8;

export interface DeliveriesOptions
  extends Pick<DeliveryOptions, 'log' | 'post' | 'retry' | 'logger'>,
    Pick<BoardPresenceOptions, 'handoverMs' | 'nameUsers'> {
  store: DeliveryStore;
  /** Hears which boards are to be listened to. */
  listenTo: (boardIds: ReadonlySet<string>) => void;
  /** Who has a board open, on any node. */
  readUsers: (boardId: string) => Promise<ReadonlySet<string>>;
  timings: { leaseMs: number; roundMs: number; answerMs: number };
  failures: LoggedFailures;
}

interface Telling {
  delivery: Delivery;
  held: Held;
}

export class Deliveries {
  readonly figures = { taken: 0, failed: 0, held: 0, paused: 0, lagSeconds: 0, onAttempt: (_seconds: number) => {} };
  readonly #options: DeliveriesOptions;
  readonly #node = randomUUID();
  readonly #round: Task;
  readonly #all = pLimit(AT_ONCE);
  readonly #owners = new Turns(AT_ONCE_OF_OWNER);
  /** By the webhook. */
  readonly #tellings = new Map<string, Telling>();
  /** The same by the board, as of the last round. */
  #boards = new Map<string, Telling[]>();
  /** By the board. */
  readonly #presence = new Map<string, BoardPresence>();
  /** As `performance.now` has it. */
  #heldUntil = 0;

  constructor(options: DeliveriesOptions) {
    this.#options = options;
    this.#round = new Task({ run: (stopping) => this.#lookRound(stopping), failures: options.failures });
  }

  start(): void {
    void this.#round.start();
  }

  /** What was under way is told again, by another node. */
  async stop(): Promise<void> {
    await this.#round.stop();
    await Promise.all([...this.#tellings.keys()].map((webhookId) => this.#drop(webhookId)));
    await Promise.all([...this.#presence.values()].map((presence) => presence.stop()));
    // Whoever cannot is found dead after the lease.
    await this.#options.store.leave(this.#node).catch((error) => this.#options.failures.failed(error));
  }

  /** A webhook was made, changed or removed, by this node. */
  look(): void {
    this.#round.wake();
  }

  /** Something has been committed on the board. */
  wake(boardId: string): void {
    for (const { delivery } of this.#boards.get(boardId) ?? []) delivery.wake();
  }

  /** What was announced may have been missed. */
  wakeAll(): void {
    for (const { delivery } of this.#tellings.values()) delivery.wake();
  }

  /** Somebody has come or gone. @param boardId undefined: anybody, anywhere */
  heard(change: Parameters<BoardPresence['heard']>[0]): void {
    if (change.action !== 'resync') this.#presence.get(change.boardId)?.heard(change);
    else for (const presence of this.#presence.values()) presence.heard(change);
  }

  async #lookRound(stopping: AbortSignal): Promise<number> {
    const { store, timings } = this.#options;
    const begunAt = performance.now();
    const { held, surplus, paused } = await store.round(this.#node, timings.leaseMs);
    this.#heldUntil = begunAt + timings.leaseMs;
    if (stopping.aborted) return 0;
    const kept = held.slice(0, held.length - surplus);
    await this.#tell(kept);
    const released = held.slice(kept.length).map(({ id }) => id);
    if (released.length > 0) await store.release(this.#node, released);
    this.figures.held = kept.length;
    this.figures.paused = paused;
    this.figures.lagSeconds = Math.max(0, ...kept.map(({ lagSeconds }) => lagSeconds ?? 0));
    return timings.roundMs;
  }

  /** Begins with those that are new here, and ends the others. */
  async #tell(held: Held[]): Promise<void> {
    const ids = new Set(held.map(({ id }) => id));
    await Promise.all([...this.#tellings.keys()].filter((id) => !ids.has(id)).map((id) => this.#drop(id)));
    await this.#watch(new Set(held.filter(wantsPresence).map(({ boardId }) => boardId)));
    for (const each of held) {
      const known = this.#tellings.get(each.id);
      if (known) known.held = each;
      else this.#tellings.set(each.id, { delivery: this.#begin(each), held: each });
      if (!known || each.isDue) this.#tellings.get(each.id)?.delivery.wake();
    }
    this.#boards = new Map();
    for (const telling of this.#tellings.values()) {
      const { boardId } = telling.held;
      const others = this.#boards.get(boardId);
      if (others) others.push(telling);
      else this.#boards.set(boardId, [telling]);
    }
    this.#options.listenTo(new Set(this.#boards.keys()));
  }

  #begin({ id: webhookId, boardId, ownerId }: Held): Delivery {
    const { store, log, post, retry, logger, failures, timings } = this.#options;
    return new Delivery({
      ...{ webhookId, boardId, store, log, post, retry, logger },
      node: this.#node,
      inTurn: (work) => this.#owners.take(ownerId, () => this.#all(work)),
      isHeld: () => performance.now() + timings.answerMs < this.#heldUntil,
      failures: failures.of(webhookId),
      onAttempt: (isTaken, ms) => {
        this.figures[isTaken ? 'taken' : 'failed'] += 1;
        this.figures.onAttempt(ms / 1000);
      },
    });
  }

  async #drop(webhookId: string): Promise<void> {
    const telling = this.#tellings.get(webhookId);
    this.#tellings.delete(webhookId);
    await telling?.delivery.stop();
  }

  async #watch(boardIds: ReadonlySet<string>): Promise<void> {
    for (const [boardId, presence] of this.#presence) {
      if (boardIds.has(boardId)) continue;
      this.#presence.delete(boardId);
      await presence.stop();
    }
    const { handoverMs, nameUsers, readUsers, failures } = this.#options;
    const begun: Promise<void>[] = [];
    for (const boardId of boardIds) {
      if (this.#presence.has(boardId)) continue;
      const presence = new BoardPresence({
        ...{ handoverMs, nameUsers },
        read: () => readUsers(boardId),
        tell: (action, user) => {
          for (const { delivery, held } of this.#boards.get(boardId) ?? []) {
            if (!held.events?.includes(presenceEvents[action])) continue;
            delivery.tellAside(presenceMessage(boardId, action, user));
          }
        },
        failures: failures.of(`presence ${boardId}`),
      });
      this.#presence.set(boardId, presence);
      begun.push(presence.start());
    }
    await Promise.all(begun);
  }
}

function wantsPresence({ events }: Held): boolean {
  return events?.some((name) => Object.values<string>(presenceEvents).includes(name)) ?? false;
}
