// Requests of a page, with what says who is calling.

import type { ConnectOptions, Live } from './live.ts';
import type { Outside } from './outside.ts';

/** So many writes can be on their way and come back as one's own. */
const MOST_REMEMBERED = 1000;

export function createRequest({ url, headers, credentials }: ConnectOptions & { url: string }, outside: Outside) {
  const keys = new Set<string>();

  const request: Live['request'] = (path, init = {}) => {
    const sent: Record<string, string> = { ...headers, ...init.headers };
    const key = sent['Idempotency-Key'];
    if (key) keys.add(key);
    if (keys.size > MOST_REMEMBERED) keys.delete([...keys][0] as string);
    return outside.fetch(url + path, { credentials: credentials as 'omit', ...init, headers: sent });
  };

  return {
    request,
    /** Whether a write with this key was sent from here. */
    isOwn: (mutationId: string | undefined) => !!mutationId && keys.has(mutationId),
  };
}
