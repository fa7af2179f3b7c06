// Who has one board open, as this node knows it: what the registry says, its own streams, and who may be back soon.

/** EventSource comes back after its `retry:`, and then has to connect. */
const CONNECT_MS = 500;

/**
 * A user is present by the registry, by a stream of this node (which is known at once, and also while Redis is away),
 * or because the last stream ended so short a time ago that the client may be on its way back.
 */
export class WhoIsThere {
  readonly #handoverMs: number;
  readonly #registered = new Set<string>();
  /** How many streams each has on this node. */
  readonly #local = new Map<string, number>();
  /** Until when those who have no stream are waited for. */
  readonly #awaited = new Map<string, number>();

  /** @param handoverMs how long a user is waited for who was told nothing about coming back; 0: not at all */
  constructor(handoverMs: number) {
    this.#handoverMs = handoverMs;
  }

  /** Call for each stream of this node. */
  opened(userId: string): void {
    this.#local.set(userId, (this.#local.get(userId) ?? 0) + 1);
    this.#awaited.delete(userId);
  }

  /** Call when such a stream has ended. The registry's leave, if there was a join, comes later. */
  ended(userId: string, backWithinMs: number | undefined): void {
    const left = (this.#local.get(userId) ?? 0) - 1;
    if (left > 0) {
      this.#local.set(userId, left);
    } else {
      this.#local.delete(userId);
      if (!this.#registered.has(userId)) this.#await(userId, backWithinMs);
    }
  }

  joined(userId: string): void {
    this.#registered.add(userId);
    this.#awaited.delete(userId);
  }

  left(userId: string, backWithinMs: number | undefined): void {
    if (this.#registered.delete(userId) && !this.#local.has(userId)) this.#await(userId, backWithinMs);
  }

  /** @param userIds all whom the registry holds */
  replace(userIds: ReadonlySet<string>): void {
    for (const userId of [...this.#registered]) if (!userIds.has(userId)) this.left(userId, undefined);
    for (const userId of userIds) this.joined(userId);
  }

  /** @returns everyone, once; those who have not come back in time are forgotten */
  list(): Set<string> {
    const now = performance.now();
    for (const [userId, until] of this.#awaited) if (until <= now) this.#awaited.delete(userId);
    return new Set([...this.#registered, ...this.#local.keys(), ...this.#awaited.keys()]);
  }

  /** When the next one will not have come back in time; Infinity when nobody is waited for. */
  get nextEnd(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const until of this.#awaited.values()) next = Math.min(next, until);
    return next;
  }

  #await(userId: string, backWithinMs = this.#handoverMs): void {
    if (backWithinMs === 0) return;
    const waitMs = Math.max(this.#handoverMs, backWithinMs) + CONNECT_MS;
    this.#awaited.set(userId, performance.now() + waitMs);
  }
}
