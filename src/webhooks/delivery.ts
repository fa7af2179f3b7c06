// One webhook that this node tells: event by event from its own place in the log, each until it is taken.

import type { Failures } from '../background/failures.ts';
import { Task } from '../background/task.ts';
import type { LogEntry } from '../events/board-event.ts';
import type { EventLog } from '../events/event-log.ts';
import type { Logger } from '../logging/logger.ts';
import type { DeliveryStore, Due } from './delivery-store.ts';
import { eventMessage, type Message, type ResetReason, resetMessage } from './message.ts';
import type { Outcome, Post } from './post.ts';
import { drawRetryMs, type RetryTimings } from './retry.ts';
import { sign } from './signature.ts';
import { wants } from './webhook.ts';

/** Events of one read: they are in memory until they are taken. */
const BATCH = 20;
/** After which others have their turn. */
const TURN_MS = 2000;
/** Joins and leaves that wait; of more the oldest are lost. */
const MAX_ASIDES = 100;

export interface DeliveryOptions {
  webhookId: string;
  boardId: string;
  /** Of this node. */
  node: string;
  store: DeliveryStore;
  log: EventLog;
  post: Post;
  /** Waits until the owner, and this node, may have another one under way. */
  inTurn: <Result>(work: () => Promise<Result>) => Promise<Result>;
  /** For long enough from now for an attempt: after the lease another node may be at it. */
  isHeld: () => boolean;
  retry: RetryTimings;
  logger: Logger;
  failures: Failures;
  /** Hears of each attempt. */
  onAttempt: (isTaken: boolean, ms: number) => void;
}

/** What is to be done next, and where the webhook stands after it. */
interface Step {
  /** Undefined: the webhook is not told of it. */
  message: Message | undefined;
  to: Pick<Due, 'epoch' | 'seq'>;
}

export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #task: Task;
  #asides: Message[] = [];

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#task = new Task({ run: (stopping) => this.#run(stopping), failures: options.failures });
  }

  /** There may be something to tell, or it may be told elsewhere or otherwise. */
  wake(): void {
    this.#task.wake();
  }

  /** What has no place in the log, and is lost with this node. */
  tellAside(message: Message): void {
    this.#asides.push(message);
    if (this.#asides.length > MAX_ASIDES) this.#asides.shift();
    this.#task.wake();
  }

  /** Resolves when the attempt under way has been given up. */
  async stop(): Promise<void> {
    await this.#task.stop();
    this.#options.failures.worked();
  }

  /** @returns when to be back, in milliseconds; undefined: when it is woken */
  async #run(stopping: AbortSignal): Promise<number | undefined> {
    const { node, webhookId, store, inTurn } = this.#options;
    return inTurn(async () => {
      // As it is when its turn has come: its owner may have been removed while it waited.
      const due = stopping.aborted ? undefined : await store.load(node, webhookId);
      if (!due || !this.#options.isHeld()) return undefined;
      return due.waitMs > 0 ? due.waitMs : this.#deliver(due, stopping);
    });
  }

  async #deliver(first: Due, stopping: AbortSignal): Promise<number | undefined> {
    const { node, store } = this.#options;
    const endsAt = performance.now() + TURN_MS;
    const steps = await this.#read(first);
    // What was read may have been committed after the right to it ended, which is looked at after the read.
    let due = steps.length > 0 ? await store.load(node, first.id) : first;
    if (!due || due.seq !== first.seq || due.epoch !== first.epoch) return 0;
    while (this.#asides.length > 0 || steps.length > 0) {
      if (stopping.aborted || !this.#options.isHeld()) return undefined;
      if (performance.now() > endsAt) return 0;
      const aside = this.#asides[0];
      const step = aside ? { message: aside, to: due } : takeStep(steps);
      const outcome = step.message && (await this.#attempt(due, step.message, stopping));
      if (outcome && !outcome.isTaken) return this.#fail(due, outcome);
      if (aside && this.#asides[0] === aside) this.#asides.shift();
      due = await store.advance(node, due, step.to, outcome === undefined);
      // Moved by a replay, paused, or told by another node.
      if (!due) return 0;
    }
    return due.seq === first.seq && due.epoch === first.epoch ? undefined : 0;
  }

  async #attempt({ url, secret, previousSecret }: Due, { id, body }: Message, stopping: AbortSignal): Promise<Outcome> {
    const timestamp = Math.floor(Date.now() / 1000);
    const headers = {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': sign({ id, timestamp, body }, previousSecret ? [secret, previousSecret] : [secret]),
    };
    const begunAt = performance.now();
    const outcome = await this.#options.post.send(url, headers, body, stopping);
    this.#options.onAttempt(outcome.isTaken, performance.now() - begunAt);
    return outcome;
  }

  async #fail(due: Due, { failure, retryAfterMs, isGone }: Extract<Outcome, { isTaken: false }>): Promise<number> {
    const { node, store, retry, logger, webhookId, boardId } = this.#options;
    const retryMs = drawRetryMs(due.failures, retryAfterMs, retry);
    const { giveUpMs } = retry;
    const failed = await store.fail(node, due, { failure, retryMs, giveUpMs, isGone });
    if (failed?.pauseReason) {
      const why = isGone ? 'it has answered 410' : 'nothing was taken for as long as it is tried';
      logger.warn({ webhookId, boardId, failure }, `a webhook is paused: ${why}; an owner of its board can resume it`);
    }
    return failed?.waitMs ?? 0;
  }

  /** @returns what follows on its place; where that cannot be told, a reset in its stead */
  async #read({ boardId, epoch, seq, events }: Due): Promise<Step[]> {
    const { log } = this.#options;
    const read = await log.readAfter([{ boardId, after: seq, limit: BATCH }]);
    const entries = read.entries[0] ?? [];
    if (read.epoch === epoch && entries[0]?.seq === seq + 1) return stepsOf({ epoch, boardId }, entries, events);
    const { epoch: now, extents } = await log.extents([boardId]);
    const extent = extents.get(boardId);
    if (!extent) return [];
    const hasSkipped = entries.length > 0 && now === read.epoch;
    const reason: ResetReason | undefined =
      now !== epoch
        ? 'epoch'
        : seq > extent.head
          ? 'ahead'
          : seq < extent.trimmedTo
            ? 'trimmed'
            : hasSkipped
              ? 'gap'
              : undefined;
    if (!reason) return [];
    const to = { epoch: now, seq: extent.head };
    return [{ message: resetMessage({ epoch: now, boardId }, to.seq, reason), to }];
  }
}

/** Up to the first that does not follow on the one before: the next read finds out why. */
function stepsOf(history: { epoch: string; boardId: string }, entries: LogEntry[], events: string[] | null): Step[] {
  const first = entries[0]?.seq ?? 0;
  const following = entries.filter(({ seq }, index) => seq === first + index);
  return following.map((entry) => ({
    message: wants(events, entry)
      ? (eventMessage(history, entry) ?? resetMessage(history, entry.seq, 'gap'))
      : undefined,
    to: { epoch: history.epoch, seq: entry.seq },
  }));
}

/** Removes the first that is told, with those before it that are not: they are passed over together with it. */
function takeStep(steps: Step[]): Step {
  let step = steps.shift() as Step;
  while (!step.message && steps[0]) step = steps.shift() as Step;
  return step;
}
