// Events that cannot be told, in the log of this node: each once, however many come to it.

import { LRUCache } from 'lru-cache';
import type { Logger } from '../logging/logger.ts';

const REMEMBERED = 1000;

/** Hears of an event that cannot be told, and why, perhaps again and again. */
export type OnUntold = (boardId: string, seq: number, error: unknown) => void;

export function tellOnce(logger: Logger): OnUntold {
  const told = new LRUCache<string, true>({ max: REMEMBERED });
  return (boardId, seq, error) => {
    const event = `${boardId} ${seq}`;
    if (told.has(event)) return;
    told.set(event, true);
    logger.warn({ boardId, seq, reason: String(error) }, 'an event cannot be told; streams that come to it are reset');
  };
}
