// With which other tabs a page may share its stream: those of the same server and the same user.

import type { ConnectOptions, Live } from './live.ts';
import type { PageOutside } from './page-outside.ts';
import type { User } from './types.ts';

/**
 * @returns its name; '': it is of this page alone
 * @throws what came in place of an answer
 */
export async function findGroup(
  { url, user, headers, ticket }: ConnectOptions & { url: string },
  { locks }: PageOutside,
  request: Live['request'],
  signal: AbortSignal,
): Promise<string> {
  const named = (who: string) => `teamboard ${url} ${who}`;
  if (user !== undefined) return named(user);
  // A ticket says who is calling to the server alone.
  if (!locks || (ticket && !headers)) return '';
  const answer = await request('/session', { signal });
  // An error, too, where it was cut in the middle, or somebody in between has answered.
  if (answer.ok) return named(((await answer.json()) as { user: User }).user.id);
  // Nobody: the stream will be told the same, and tell the page.
  if (answer.status < 429) return '';
  throw answer;
}
