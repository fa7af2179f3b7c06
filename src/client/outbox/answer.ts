// What an answer to a write says of it.

import { isObject } from '../merge-patch.ts';
import type { Problem } from '../writes/offered.ts';
import type { Result } from '../writes/write.ts';

export type Answer =
  | { kind: 'done'; results: readonly Result[] }
  | { kind: 'refused'; problem: Problem }
  /** Nobody is signed in. */
  | { kind: 'signed-out' }
  /** Not now: try again. `isForAll`: every other write would fare the same. */
  | { kind: 'later'; isForAll: boolean; ms?: number };

/** What passes by itself: it took too long, too early, too many. */
const passing = new Set([408, 425, 429]);

/** @param now milliseconds since 1970 */
export async function readAnswer(response: Response, now: number): Promise<Answer> {
  const { status } = response;
  if (status === 401) return { kind: 'signed-out' };
  if (status >= 500 || passing.has(status)) {
    const ms = readRetryAfter(response.headers.get('retry-after'), now);
    return { kind: 'later', isForAll: status === 429 || ms !== undefined, ...(ms !== undefined && { ms }) };
  }
  const body: unknown = await response.json().catch(() => undefined);
  // Too large for whoever is in between is too large the next time as well.
  if (status === 413) return { kind: 'refused', problem: { ...(body as object), status } };
  // What comes from somewhere in between (a proxy without our path, a page to sign in to a network) says nothing of the write.
  if (!isObject(body) || !(status < 400 ? Array.isArray(body.results) : /^TB_/.test(`${body.code}`)))
    return { kind: 'later', isForAll: false };
  if (status >= 400) return { kind: 'refused', problem: { ...body, status } };
  return { kind: 'done', results: body.results as Result[] };
}

/** @returns milliseconds; undefined when it says nothing */
function readRetryAfter(text: string | null, now: number): number | undefined {
  if (!text) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
