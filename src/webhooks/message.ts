// What a webhook is told: one body for each event, in the form of Standard Webhooks.

import { uuidv7 } from 'uuidv7';
import type { PublicUser } from '../accounts/user.ts';
import { type LogEntry, timeOf } from '../events/board-event.ts';
import { formatCursor, type History } from '../events/cursor.ts';
import { presenceEvents } from './webhook.ts';

export interface Message {
  /** The same in each attempt, and in a replay. */
  id: string;
  body: string;
}

/** Why there are no events between the last one and the next: as on a stream. */
export type ResetReason = 'trimmed' | 'ahead' | 'epoch' | 'gap';

/** @returns undefined for an event that cannot be told: a reset stands in its place */
export function eventMessage(history: History, entry: LogEntry): Message | undefined {
  const at = timeOf(entry);
  if (entry.json === undefined || at === undefined) return undefined;
  const cursor = formatCursor(history, entry.seq);
  const head = { type: `${entry.resource}.${entry.action}`, timestamp: new Date(at).toISOString(), cursor };
  return { id: idOf(history, cursor), body: `${JSON.stringify(head).slice(0, -1)},"data":${entry.json}}` };
}

/** @param seq after which it goes on */
export function resetMessage(history: History, seq: number, reason: ResetReason): Message {
  const { boardId } = history;
  const cursor = formatCursor(history, seq);
  const timestamp = new Date().toISOString();
  return {
    id: `${idOf(history, cursor)}_reset`,
    body: JSON.stringify({ type: 'reset', timestamp, cursor, data: { boardId, reason } }),
  };
}

export function presenceMessage(boardId: string, action: keyof typeof presenceEvents, user: PublicUser): Message {
  const timestamp = new Date().toISOString();
  return { id: uuidv7(), body: JSON.stringify({ type: presenceEvents[action], timestamp, data: { boardId, user } }) };
}

/** A cursor alone is one of the board's: its epoch is too short to tell it from those of all others. */
function idOf({ boardId }: History, cursor: string): string {
  return `${boardId}_${cursor}`;
}
