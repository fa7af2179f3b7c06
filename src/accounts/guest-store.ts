// The SQL of guests whom nobody can be any more: the cookie is gone, and there is no token.

import type { Pool } from 'pg';

/** Of the last guest that was looked at. */
export interface GuestPosition {
  createdAt: string;
  id: string;
}

/** What has become of those who were looked at. */
export interface GuestPage {
  /** Where to go on; undefined when there is nobody left. */
  after: GuestPosition | undefined;
  /** Why the first guest stayed who could not be removed; undefined when there was none. */
  failure: unknown;
}

export interface GuestStore {
  /**
   * Looks at the next guests who are old enough, the oldest first, and removes those without a session, a token or a
   * board that others are on.
   *
   * @param after undefined: from the beginning
   * @param limit how many are looked at
   * @param stopping ends it early
   */
  removeUnused(after: GuestPosition | undefined, limit: number, stopping: AbortSignal): Promise<GuestPage>;
}

/** @param guestDays how old an account must be */
export function createGuestStore(pool: Pool, guestDays: number): GuestStore {
  const remove = (id: string) =>
    pool.query({ name: 'guest-remove', text: 'select :schema.remove_unused_guest($1)', values: [id] });
  return {
    async removeUnused(after, limit, stopping) {
      const { rows } = await pool.query<GuestPosition & { isUnused: boolean }>({
        name: 'guest-find-unused',
        text: `select id, :schema.rfc3339(created_at) as "createdAt", :schema.is_unused_guest(id) as "isUnused" from :schema.users
               where guest and created_at < now() - make_interval(days => $1)
                 and ($2::timestamptz is null or (created_at, id) > ($2, $3::uuid))
               order by created_at, id limit $4`,
        values: [guestDays, after?.createdAt ?? null, after?.id ?? null, limit],
      });
      let failure: unknown;
      for (const { id, isUnused } of rows) {
        if (stopping.aborted) break;
        // One by one: each takes its boards with it, and holds no lock that another waits for. One who cannot be removed,
        // time after time, keeps none of the others.
        if (isUnused) await remove(id).catch((error) => (failure ??= error));
      }
      // After a failure the walk goes on also behind the last guest, or it would begin again at once, and so for ever.
      const isEnd = rows.length < limit && failure === undefined;
      return { after: isEnd ? undefined : rows.at(-1), failure };
    },
  };
}
