// Who is calling, however they have said so.

import type { User } from './user.ts';

export interface Caller {
  user: User;
  /** The id of the session or of the token that says so. */
  credentialId: string;
  /** When that ends; null for a token that never does. */
  expiresAt: string | null;
}
