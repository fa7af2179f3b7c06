// The names of users, by their ids: from memory, and from the database a batch at a time.

import pLimit from 'p-limit';
import type { PublicUser } from '../accounts/user.ts';
import { attempt, type Failures } from '../background/failures.ts';
import { newest } from '../background/newest.ts';
import type { NameStore } from './name-store.ts';

const MOST_NAMES = 20_000;
/** How long after a change of name the old one is taken for good. */
const FRESH_MS = 60_000;
/** A thousand boards that open at once must leave the writes a connection. */
const QUERIES_AT_ONCE = 2;
/** As a board shows a member whose account is gone. */
const DELETED = 'Deleted user';

export class UserNames {
  readonly #store: NameStore;
  readonly #rereading: Failures;
  readonly #known = newest<{ name: string; readAt: number }>(MOST_NAMES);
  readonly #lookup = pLimit(QUERIES_AT_ONCE);

  /** @param rereading hears how the reading of old names goes, for which nobody waits */
  constructor(store: NameStore, rereading: Failures) {
    this.#store = store;
    this.#rereading = rereading;
  }

  /**
   * Waits only for a name that it has never read: a database that hangs must not delay a leave. An old name is read
   * again in the background.
   *
   * @returns in the same order. @throws the error of the database
   */
  async of(userIds: string[]): Promise<PublicUser[]> {
    const staleBefore = performance.now() - FRESH_MS;
    const names = new Map<string, string>();
    const unknown: string[] = [];
    const stale: string[] = [];
    for (const id of userIds) {
      const known = this.#known.get(id);
      if (!known) {
        unknown.push(id);
        continue;
      }
      names.set(id, known.name);
      if (known.readAt > staleBefore) continue;
      known.readAt = performance.now();
      stale.push(id);
    }
    // When it fails they stay as they are until they are old again.
    if (stale.length > 0) void attempt(this.#rereading, () => this.#read(stale));
    if (unknown.length > 0) for (const [id, name] of await this.#read(unknown)) names.set(id, name);
    return userIds.map((id) => ({ id, name: names.get(id) ?? DELETED }));
  }

  async #read(userIds: string[]): Promise<Map<string, string>> {
    const names = await this.#lookup(() => this.#store.read(userIds));
    const readAt = performance.now();
    for (const id of userIds) this.#known.set(id, { name: names.get(id) ?? DELETED, readAt });
    return names;
  }
}
