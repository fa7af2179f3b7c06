// What a page that counts joins and leaves makes of one connection's presence frames, and what it may not be told.

interface Told {
  action: string;
  users?: Array<{ id: string }>;
  user?: { id: string };
}

export class PresenceRules {
  readonly #userId: string;
  #present: Set<string> | undefined;

  /** @param userId whose stream it is */
  constructor(userId: string) {
    this.#userId = userId;
  }

  /** Who is there, as this connection was told; undefined before its first `sync`. */
  get present(): ReadonlySet<string> | undefined {
    return this.#present;
  }

  /** @returns what is wrong with the frame */
  heard(data: string): string | undefined {
    const { action, users, user } = JSON.parse(data) as Told;
    if (action === 'sync') {
      this.#present = new Set(users?.map(({ id }) => id));
      if (this.#present.size !== users?.length) return 'a user twice in a sync';
      return this.#present.has(this.#userId) ? undefined : 'a sync without its own user';
    }
    if (!user || !this.#present) return `a ${action} before the first sync`;
    if (this.#present.has(user.id) === (action === 'join')) return `a second ${action}`;
    if (action === 'join') this.#present.add(user.id);
    else this.#present.delete(user.id);
    return undefined;
  }
}
