// The address of a webhook, as somebody has typed it.

import { isIP } from 'node:net';
import { invalid } from '../problems/problem.ts';
import { isPublic } from './reach.ts';
import { MAX_URL_LENGTH } from './webhook.ts';

/**
 * Of a name nobody asks here: it may lead elsewhere later, and is looked at whenever a connection is made.
 *
 * @returns it as a URL is written out
 * @throws Problem TB_INVALID
 */
export function readWebhookUrl(text: string, allowPrivate: boolean): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const schemes = allowPrivate ? ['https:', 'http:'] : ['https:'];
  if (!url || !schemes.includes(url.protocol)) {
    throw invalid('/url', `must be an address that starts with ${schemes.map((scheme) => `${scheme}//`).join(' or ')}`);
  }
  if (url.username || url.password || url.hash) throw invalid('/url', 'must have no user, no password and no fragment');
  if (!allowPrivate && isClosed(url)) throw invalid('/url', 'must lead to a public address');
  if (url.href.length > MAX_URL_LENGTH) throw invalid('/url', `must be at most ${MAX_URL_LENGTH} characters`);
  return url.href;
}

/** An address that is written as one is looked up by nobody: no socket asks for it. */
export function isClosed({ hostname }: URL): boolean {
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(host) !== 0 && !isPublic(host);
}
