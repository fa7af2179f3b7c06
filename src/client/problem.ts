// An answer that is no stream, in the words of the server.

import type { Outside } from './outside.ts';

export interface Answer {
  /** 0: nobody answers. */
  status: number;
  reason: string;
  retryAfterMs: number;
}

/** Nobody waits for longer, and no timer of a browser runs for more than 24 days. */
const LONGEST_MS = 3_600_000;

export function answerReader({ now }: Pick<Outside, 'now'>) {
  /** @param answer of the server, or what was thrown in place of one */
  return async (answer: unknown): Promise<Answer> => {
    const { status = 0, headers } = answer as Partial<Response>;
    const body = status < 400 ? {} : await (answer as Response).json().catch(() => ({}));
    const after = headers?.get('retry-after') ?? '';
    // Seconds, or a date.
    const ms = 1000 * Number(after) || Date.parse(after) - now();
    return {
      status,
      reason: (body as { code?: string }).code ?? `${status || 'unreachable'}`,
      retryAfterMs: ms > 0 ? Math.min(LONGEST_MS, ms) : 0,
    };
  };
}
