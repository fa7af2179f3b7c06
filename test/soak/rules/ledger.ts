// Every write that was tried: what it was, when it began, and how it ended.

import type { Violations } from '../violations.ts';

/**
 * `open`: under way, being repeated, or given up without an answer; `acknowledged`: it must be in the log;
 * `refused`: it never was committed, so it must not.
 */
export type Outcome = 'open' | 'acknowledged' | 'refused';

export interface Mutation {
  id: string;
  boardId: string;
  /** How many events it makes. */
  events: number;
  startedAt: number;
  outcome: Outcome;
  acknowledgedAt?: number;
  /** Times that its answer was lost or a refusal. */
  retries: number;
  /** The streams that its writer has named as its own, one for each time that it was sent; undefined for none. */
  readonly streamIds: Array<string | undefined>;
  /** Events of it in the log, as the auditor has read it. */
  logged: number;
}

export class Ledger {
  readonly #mutations = new Map<string, Mutation>();
  readonly #violations: Violations;
  readonly counts = { acknowledged: 0, refused: 0, retries: 0, unavailable: 0, replayed: 0, events: 0 };

  constructor(violations: Violations) {
    this.#violations = violations;
  }

  [Symbol.iterator](): IterableIterator<Mutation> {
    return this.#mutations.values();
  }

  begin(id: string, boardId: string, events: number): Mutation {
    const mutation: Mutation = {
      id,
      boardId,
      events,
      startedAt: performance.now(),
      outcome: 'open',
      retries: 0,
      streamIds: [],
      logged: 0,
    };
    this.#mutations.set(id, mutation);
    return mutation;
  }

  acknowledge(mutation: Mutation): void {
    mutation.outcome = 'acknowledged';
    mutation.acknowledgedAt = performance.now();
    this.counts.acknowledged += 1;
  }

  refuse(mutation: Mutation): void {
    mutation.outcome = 'refused';
    this.counts.refused += 1;
  }

  retry(mutation: Mutation): void {
    mutation.retries += 1;
    this.counts.retries += 1;
  }

  find(id: string | undefined): Mutation | undefined {
    return id === undefined ? undefined : this.#mutations.get(id);
  }

  /** The auditor has found an event of it in the log. */
  logged(id: string, boardId: string, seq: number): void {
    const mutation = this.#mutations.get(id);
    this.counts.events += 1;
    if (!mutation || mutation.boardId !== boardId) {
      this.#violations.add('nothing is in the log that nobody wrote', `${boardId} ${seq}: mutation ${id}`);
      return;
    }
    mutation.logged += 1;
    if (mutation.logged > mutation.events) {
      this.#violations.add(
        'a write is done once',
        `${boardId} ${seq}: event ${mutation.logged} of ${describe(mutation)}`,
      );
    }
  }

  /** When the log has been read to its end: acknowledged ⊆ stored, whole or not at all. */
  close(): void {
    for (const mutation of this.#mutations.values()) {
      const { outcome, events, logged } = mutation;
      const is = `${logged} of ${events} events of ${describe(mutation)}`;
      if (outcome === 'acknowledged' && logged < events) this.#violations.add('acknowledged ⊆ stored', is);
      if (outcome === 'refused' && logged > 0) this.#violations.add('what was refused is not stored', is);
      if (outcome === 'open' && logged > 0 && logged < events) this.#violations.add('all or nothing', is);
    }
  }
}

function describe({ id, boardId, outcome, retries }: Mutation): string {
  return `mutation ${id} of board ${boardId}, ${outcome}, repeated ${retries} times`;
}
