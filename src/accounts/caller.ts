// Who is calling, however they have said so.

import type { User } from './user.ts';

export interface Caller {
  user: User;
  /** The id of the session or of the token that says so; undefined for a JWT, which nobody can end before its time. */
  credentialId: string | undefined;
  /** When that ends; null for a token that never does. */
  expiresAt: string | null;
}
