// Who is calling, however they have said so.

import type { Reader } from '../access/claims.ts';
import type { Grant } from '../access/grant.ts';
import type { User } from './user.ts';

export interface Caller {
  user: User;
  /** By a token of the application's own (`application-token.ts`). */
  isApplication?: boolean;
  /** The session, token or JWT that says so, itself or by a ticket that was made with it. */
  grant: Grant;
  /** Of the boards that the request names, those that its ticket opens; undefined when it came with none. */
  boards?: ReadonlySet<string>;
}

/** As whom the caller reads and writes boards. */
export function readerOf({ user, grant }: Caller): Reader {
  return { userId: user.id, claims: grant.claims };
}
