// How the connection is, in words: what is on the screen must never look newer than it is.

import type { Status } from '../../client/types.ts';
import type { WritesState } from '../../client/writes/offered.ts';

export interface StatusLine {
  text: string;
  tone: 'good' | 'wait' | 'bad';
}

const ends: Record<string, string> = {
  revoked: 'you are no longer a member of this board, or have been signed out',
  expired: 'your session has ended',
  deleted: 'the board was deleted',
  TB_NOT_FOUND: 'there is no such board, or you are not a member of it',
  TB_INVALID: 'there is no such board',
};

/**
 * @param keptAt when what is shown was so, where it does not come from the server
 * @returns what `role="status"` says
 */
export function statusLine(
  { name, since, reason }: Status,
  { unsent, waiting, kept }: WritesState,
  keptAt?: number,
): StatusLine {
  const changes = unsent === 1 ? '1 change' : `${unsent} changes`;
  const isKept = kept === 'no' ? ', which a reload would lose' : '';
  const shown = keptAt === undefined ? '' : `, shown as of ${moment.format(keptAt)}`;
  const waits = unsent > 0 ? `, ${changes} unsent${isKept}` : '';
  if (name === 'live') {
    if (waiting === 'sign-in') return { text: `Sign in again: ${changes} unsent`, tone: 'bad' };
    if (waiting === 'server')
      return { text: `The server takes no changes now, ${changes} unsent${isKept}`, tone: 'wait' };
    return { text: unsent > 0 ? `Live, saving ${changes}` : 'Live', tone: 'good' };
  }
  if (name === 'ended')
    return { text: `Ended: ${ends[reason ?? ''] ?? 'the server lets you in no more'}`, tone: 'bad' };
  if (name === 'signed-out') return { text: `Signed out${waits}`, tone: 'bad' };
  if (name === 'offline') return { text: `Offline since ${timeOf(since)}${shown}${waits}`, tone: 'bad' };
  if (name === 'connecting' || name === 'cached') return { text: `Connecting …${shown}${waits}`, tone: 'wait' };
  return { text: `Reconnecting since ${timeOf(since)}${shown}${waits}`, tone: 'wait' };
}

const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

function timeOf(since: number): string {
  return new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' }).format(since);
}
