// What access hangs on: the session, token or JWT that a request came with.

import type { AccessEnd } from './access.ts';
import type { Claims } from './claims.ts';

/** Who holds on to what may end, or change. */
export interface Holder {
  /** Called once, when it has ended; at once, when it has already. */
  end: (reason: AccessEnd) => void;
  /** Called when it lets in to other boards than before. */
  reclaim: (claims: Claims | undefined) => void;
}

export interface Grant {
  /**
   * The row of `sessions` or `tokens`, also for a ticket that was made with it. Undefined for a JWT, of which we keep
   * none: it ends by its time alone; and for what the operator's application was asked about.
   */
  id: string | undefined;
  /** What all streams of the user hang on as well, and what ends when the application ends them. */
  streamsId?: string;
  /** Null: never. Of a row only its first end, because requests put the end of a session off. */
  expiresAt: string | null;
  /**
   * Of a user whom the application was asked about, who is asked about again while a stream hangs on it; `expiresAt` is
   * then for what nobody can ask about any more, as a ticket.
   *
   * @returns ends the asking
   */
  hold?: (holder: Holder) => () => void;
  /** The boards that it lets in to, beside those that its user is a member of. */
  claims?: Claims | undefined;
}
