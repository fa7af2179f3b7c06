// Follows a board by its log in the database.

import { setTimeout as delay } from 'node:timers/promises';
import type { EventLog } from '../events/event-log.ts';
import { createEventLog } from '../events/event-log-store.ts';
import { findBoard } from './board-place-store.ts';
import type { Context } from './context.ts';
import { exitCodes, failureOf } from './failure.ts';
import { RETRY_MS, type Receiver } from './follow-receiver.ts';
import { withDatabase } from './with-database.ts';

/** One read; the largest events are some 80 KB. */
const PAGE = 200;
/** A person waits no longer for an event, and the database is asked no more often. */
const LOOK_MS = 500;

/** Where the reader is; the epoch says in which history of the database. */
interface Place {
  boardId: string;
  epoch: string;
  seq: number;
}

/**
 * Resolves when it is stopped. What fails after the first look is tried again for ever.
 *
 * @param last events of before
 */
export async function followLog(context: Context, named: string, last: number, receiver: Receiver): Promise<void> {
  let place: Place | undefined;
  while (!context.stopping.aborted) {
    try {
      await withDatabase(context, async ({ client }) => {
        const log = createEventLog(client as never, (_boardId, seq, reason) =>
          receiver.onNote(`event ${seq} cannot be told: ${reason}.`),
        );
        place = await enter(log, place ?? { boardId: await findBoard(client, named), epoch: '', seq: -last }, receiver);
        for (;;) {
          place = await readOn(log, place, receiver);
          await delay(LOOK_MS, undefined, { signal: context.stopping });
        }
      });
    } catch (error) {
      if (context.stopping.aborted) return;
      const { exitCode, message } = failureOf(error);
      if (place === undefined || exitCode === exitCodes.usage) throw error;
      receiver.onNote(`cut: ${message.split('\n')[0]} Going on behind #${place.seq} when it is back.`);
      await delay(RETRY_MS, undefined, { signal: context.stopping }).catch(() => {});
    }
  }
}

/** @param place whose seq is negative for so many events of before */
async function enter(log: EventLog, place: Place, receiver: Receiver): Promise<Place> {
  const { boardId, seq } = place;
  const { epoch, extents } = await log.extents([boardId]);
  const { head, trimmedTo } = extents.get(boardId) ?? { head: 0, trimmedTo: 0 };
  if (place.epoch === '') return { boardId, epoch, seq: Math.max(trimmedTo, head + seq, 0) };
  if (place.epoch !== epoch || seq > head) {
    receiver.onNote('the database has another history now (a restore, or a failover): going on with what comes next.');
    return { boardId, epoch, seq: head };
  }
  return { ...place, seq: skipTrimmed(seq, trimmedTo, receiver) };
}

async function readOn(log: EventLog, place: Place, receiver: Receiver): Promise<Place> {
  const { boardId } = place;
  let { seq } = place;
  for (;;) {
    const { epoch, entries } = await log.readAfter([{ boardId, after: seq, limit: PAGE }]);
    if (epoch !== place.epoch) return enter(log, { ...place, seq }, receiver);
    const read = entries[0] ?? [];
    const [first] = read;
    if (first && first.seq > seq + 1) skipTrimmed(seq, first.seq - 1, receiver);
    for (const { json, seq: each } of read) {
      if (json !== undefined) await receiver.onEvent(json);
      seq = each;
    }
    if (read.length < PAGE) return { ...place, seq };
  }
}

function skipTrimmed(seq: number, trimmedTo: number, receiver: Receiver): number {
  if (seq >= trimmedTo) return seq;
  receiver.onNote(`events ${seq + 1} to ${trimmedTo} are no longer in the log.`);
  return trimmedTo;
}
