// Who is calling, however they have said so.

import type { User } from './user.ts';

export interface Caller {
  user: User;
  /** When the session or the token that says so ends; null for a token that never does. */
  expiresAt: string | null;
}
