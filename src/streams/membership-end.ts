// The end of a user's membership on a stream: an event of the log, heard of before the stream gets to it (E6).

import { setTimeout as delay } from 'node:timers/promises';
import type { Failures } from '../background/failures.ts';
import type { CloseReason } from './wire/close-reason.ts';
import type { EventFrame } from './wire/frame-batch.ts';

const RETRY_MS = 500;
/** Within this a stream whose access has ended may still get to the event that says so. docs/accounts.md promises one second. */
const END_GRACE_MS = 500;

/**
 * That the user may see the board as of a place in the log, both read in one snapshot of the database. The head of the hub will
 * not do: a node that has not heard of a removal yet would take it for the end of a membership that is newer.
 */
export interface Membership {
  seq: number;
  /** The history of the database that it is of. */
  epoch: string;
  /** Of the board, in that history; null where it has none. */
  number: number | null;
  /** Whether what the stream came with lets in to the board, member or not. */
  isClaimed: boolean;
}

export interface MembershipEndOptions {
  userId: string;
  admitted: Pick<Membership, 'seq' | 'isClaimed'>;
  /** @returns undefined when the user may not see the board now */
  readMembership: () => Promise<Membership | undefined>;
  failures: Failures;
  /** Whether the stream has ended. */
  isOver: () => boolean;
  close: (reason: CloseReason) => void;
}

export class MembershipEnd {
  readonly #options: MembershipEndOptions;
  /** The place as of which the user is a member: ends before it are those of an older membership. */
  admittedAt: number;
  /** As of the last look: then the end of a membership ends nothing. */
  isClaimed: boolean;

  constructor(options: MembershipEndOptions) {
    this.#options = options;
    this.admittedAt = options.admitted.seq;
    this.isClaimed = options.admitted.isClaimed;
  }

  /** @returns why the event is the last one that the user sees; undefined when it is not */
  endedBy({ seq, ends }: EventFrame): CloseReason | undefined {
    if (!ends || seq <= this.admittedAt) return undefined;
    if (ends.userId === undefined) return ends.reason;
    return ends.userId === this.#options.userId && !this.isClaimed ? ends.reason : undefined;
  }

  /**
   * The log is not waited for: who reads slowly, or is in the middle of a large snapshot, would get to the end of the own
   * access many minutes later, and be sent what lies before it until then. A stream that keeps up shows the event first;
   * of one that does not, what lay before it is never told, as its user may not see it any more.
   *
   * @param ends the oldest first
   * @param isStill asked when the time is over
   */
  hear(ends: EventFrame[], isStill: () => boolean): void {
    const end = ends.findLast((frame) => this.endedBy(frame));
    // Meanwhile a reset may find a newer membership.
    if (end?.ends) this.#closeSoon(end.ends.reason, () => isStill() && this.endedBy(end) !== undefined);
  }

  /** Ends the stream soon when the user may not see the board any more. While it cannot be known, the stream stays open. */
  async confirm(): Promise<void> {
    const { readMembership, failures, isOver } = this.#options;
    const { admittedAt } = this;
    while (!isOver() && this.admittedAt === admittedAt) {
      try {
        const membership = await readMembership();
        failures.worked();
        if (!membership) this.#closeSoon('revoked', () => this.admittedAt === admittedAt);
        return;
      } catch (error) {
        if (isOver()) return;
        failures.failed(error);
        await delay(RETRY_MS, undefined, { ref: false });
      }
    }
  }

  /** @param isStill asked when the time is over: whether nothing that was read meanwhile says otherwise */
  #closeSoon(reason: CloseReason, isStill: () => boolean): void {
    const close = () => {
      if (isStill()) this.#options.close(reason);
    };
    setTimeout(close, END_GRACE_MS).unref();
  }
}
