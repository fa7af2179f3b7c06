// Keeps what cannot be read of one board from stopping what is read of all others.

import { LRUCache } from 'lru-cache';
import { type LogEntry, untoldEntry } from './board-event.ts';
import type { EventLog, LogExtent, ReadRequest } from './event-log.ts';
import type { OnUntold } from './untold-events.ts';

const QUERY_CANCELED = '57014';
/**
 * Classes of SQLSTATE (PostgreSQL manual, appendix A): data exception, limit exceeded, raised by a function, internal
 * error or corrupted data; and out_of_memory, query_canceled.
 */
const faultsOfRows = /^(?:22...|54...|P0...|XX...|53200|57014)$/;
/** How long events are left alone that took too long: each look at them keeps all other boards waiting. */
const TOO_SLOW_FOR_MS = 60_000;

interface SlowEvents {
  after: number;
  to: number;
  error: unknown;
}

/**
 * One statement reads for many boards, so one row that PostgreSQL cannot render, or cannot in time, fails all of it. Then
 * each place is read by itself, and what still fails is found by halving: it becomes an event that cannot be told.
 */
export class IsolatedRead {
  readonly #log: EventLog;
  readonly #onUntold: OnUntold;
  /** By board. */
  readonly #tooSlow = new LRUCache<string, SlowEvents>({ max: 1000, ttl: TOO_SLOW_FOR_MS });

  constructor(log: EventLog, onUntold: OnUntold) {
    this.#log = log;
    this.#onUntold = onUntold;
  }

  /** @throws an error that is not one of rows, see {@link isOfOnePlace} */
  async readAfter(requests: ReadRequest[]): Promise<{ epoch: string; entries: LogEntry[][] }> {
    const places = requests.map((request) => ({ request, slow: this.#slowEvents(request) }));
    const epochs = new Set<string>();
    const others = places.flatMap(({ request, slow }) => (slow ? [] : [request]));
    const read = await this.#readTogether(others, epochs);
    const entries: LogEntry[][] = [];
    for (const { request, slow } of places) {
      entries.push(slow ? await this.#untold(request, epochs, slow.error) : (read.shift() ?? []));
    }
    const [epoch = ''] = epochs;
    if (epochs.size !== 1) throw new Error('the history has changed while the log was read');
    return { epoch, entries };
  }

  async #readTogether(requests: ReadRequest[], epochs: Set<string>): Promise<LogEntry[][]> {
    try {
      const { epoch, entries } = await this.#log.readAfter(requests);
      epochs.add(epoch);
      return entries;
    } catch (error) {
      const [first, ...others] = requests;
      if (!first || !isOfOnePlace(error)) throw error;
      // Not tried again as it is: the same statement would take as long again, and all other boards wait for it.
      if (others.length === 0) return [await this.#narrow(first, epochs, error)];
    }
    const entries: LogEntry[][] = [];
    for (const request of requests) entries.push(await this.#readOne(request, epochs));
    return entries;
  }

  async #readOne(request: ReadRequest, epochs: Set<string>): Promise<LogEntry[]> {
    const slow = this.#slowEvents(request);
    if (slow) return this.#untold(request, epochs, slow.error);
    try {
      const { epoch, entries } = await this.#log.readAfter([request]);
      epochs.add(epoch);
      return entries[0] ?? [];
    } catch (error) {
      return this.#narrow(request, epochs, error);
    }
  }

  /** @param error with which the read of this place alone has failed */
  async #narrow(request: ReadRequest, epochs: Set<string>, error: unknown): Promise<LogEntry[]> {
    if (!isOfOnePlace(error)) throw error;
    if (!isTimeout(error) && request.limit > 1) return this.#halve(request, epochs);
    const entries = await this.#untold(request, epochs, error);
    if (isTimeout(error)) this.#leaveAlone(request, entries, error);
    return entries;
  }

  async #halve(request: ReadRequest, epochs: Set<string>): Promise<LogEntry[]> {
    const limit = Math.ceil(request.limit / 2);
    const first = await this.#readOne({ ...request, limit }, epochs);
    const after = first.at(-1)?.seq;
    if (after === undefined || first.length < limit) return first;
    return [...first, ...(await this.#readOne({ ...request, after, limit: request.limit - limit }, epochs))];
  }

  /** @returns those among what is asked for that are left alone */
  #slowEvents({ boardId, after, limit }: ReadRequest): SlowEvents | undefined {
    const slow = this.#tooSlow.get(boardId);
    return slow && after < slow.to && after + limit > slow.after ? slow : undefined;
  }

  #leaveAlone({ boardId, after }: ReadRequest, entries: LogEntry[], error: unknown): void {
    const known = this.#tooSlow.get(boardId);
    const to = entries.at(-1)?.seq ?? after;
    this.#tooSlow.set(boardId, {
      after: Math.min(after, known?.after ?? after),
      to: Math.max(to, known?.to ?? to),
      error,
    });
  }

  /** What the log must have there, without a look at it. */
  async #untold({ boardId, after, limit }: ReadRequest, epochs: Set<string>, error: unknown): Promise<LogEntry[]> {
    const { epoch, extents } = await this.#log.extents([boardId]);
    epochs.add(epoch);
    const { head, trimmedTo }: LogExtent = extents.get(boardId) ?? { head: 0, trimmedTo: 0 };
    const from = Math.max(after, trimmedTo);
    const entries: LogEntry[] = [];
    for (let seq = from + 1; seq <= Math.min(from + limit, head); seq += 1) {
      entries.push(untoldEntry(boardId, seq));
      this.#onUntold(boardId, seq, error);
    }
    return entries;
  }
}

function isTimeout(error: unknown): boolean {
  return (error as { code?: unknown }).code === QUERY_CANCELED;
}

/**
 * True for what a row can be at fault for. A database that is away, a missing grant or column is a fault of all places, and
 * nothing that any stream should be reset for.
 */
function isOfOnePlace(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && faultsOfRows.test(code);
}
