// Who is calling, however they have said so.

import type { User } from './user.ts';

export interface Caller {
  user: User;
  /**
   * The id of the session or token that says so, itself or by a ticket that was made with it; undefined for a JWT, which
   * nobody can end before its time.
   */
  credentialId: string | undefined;
  /** When that ends; null for a token that never does. */
  expiresAt: string | null;
}
