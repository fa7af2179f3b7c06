// Writers that behave as clients should while something breaks, and remember what they were promised.

import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import type { Client } from './client.ts';
import type { EventStream, ReceivedFrame } from './event-stream.ts';
import type { Teardown } from './teardown.ts';
import { until } from './until.ts';

/** An attempt that has no answer by then counts as a hang. */
const ANSWER_TIMEOUT_MS = 15_000;
const RETRY_MS = 50;

export interface WritersOptions {
  /** Of the nodes, taken in turn. Read before each attempt, so a test may change them. */
  urls: string[];
  boardId: string;
  client: Pick<Client, 'cookie'>;
  writers?: number;
  /** Between the writes of one writer. */
  pauseMs?: number;
}

export interface Attempt {
  key: string;
  /** Undefined when there was no answer: the connection broke, or could not be made. */
  status: number | undefined;
  retryAfter: string | null;
  /** As of `performance.now()`. */
  sentAt: number;
  ms: number;
}

export interface AcknowledgedWrites {
  /** The key of each write that was answered 201, in the order of the answers; the mutationId of its event. */
  readonly acknowledged: string[];
  /** Each request, also those that failed. */
  readonly attempts: Attempt[];
  /** Resolves when so many more have been acknowledged. */
  more(count: number): Promise<void>;
  /**
   * Begins no new write, and waits until those under way are acknowledged.
   *
   * @throws Error when there was an answer other than 201 or 503, or none in 15 s
   */
  stop(): Promise<void>;
  /** @returns the acknowledged keys that no `changed` frame carries */
  missing(frames: ReceivedFrame[]): string[];
}

/** Each puts item after item on the board, and repeats a write with its Idempotency-Key until it is acknowledged. */
export function startWriters(
  t: Teardown,
  { urls, boardId, client, writers = 2, pauseMs = 10 }: WritersOptions,
): AcknowledgedWrites {
  const acknowledged: string[] = [];
  const attempts: Attempt[] = [];
  const faults: string[] = [];
  const aborting = new AbortController();
  let stopped = false;
  let turn = 0;
  t.teardown(() => {
    stopped = true;
    aborting.abort();
  });

  async function attempt(key: string): Promise<Attempt> {
    const url = urls[turn++ % urls.length];
    const sentAt = performance.now();
    const result = { key, sentAt, status: undefined, retryAfter: null };
    try {
      const response = await fetch(`${url}/boards/${boardId}/items`, {
        method: 'POST',
        headers: { cookie: client.cookie, 'content-type': 'application/json', 'idempotency-key': key },
        body: JSON.stringify({ text: key }),
        signal: AbortSignal.any([aborting.signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
      });
      await response.arrayBuffer();
      const { status, headers } = response;
      return { ...result, status, retryAfter: headers.get('retry-after'), ms: performance.now() - sentAt };
    } catch (error) {
      if ((error as Error).name === 'TimeoutError') faults.push(`no answer in ${ANSWER_TIMEOUT_MS} ms`);
      return { ...result, ms: performance.now() - sentAt };
    }
  }

  async function write(): Promise<void> {
    const key = randomUUID();
    while (!aborting.signal.aborted) {
      const made = await attempt(key);
      attempts.push(made);
      if (made.status === 201) {
        acknowledged.push(key);
        return;
      }
      if (made.status !== undefined && made.status !== 503) {
        faults.push(`an answer ${made.status}`);
        return;
      }
      await delay(RETRY_MS);
    }
  }

  let isDone = false;
  const loops = Array.from({ length: writers }, async () => {
    while (!stopped) {
      await write();
      await delay(pauseMs);
    }
  });
  void Promise.all(loops).then(() => {
    isDone = true;
  });
  return {
    acknowledged,
    attempts,
    more: async (count) => {
      const wanted = acknowledged.length + count;
      await until(() => acknowledged.length >= wanted, `${count} more writes`);
    },
    stop: async () => {
      stopped = true;
      await until(() => isDone, 'the last writes to be acknowledged');
      if (faults.length > 0) throw new Error(`the writers met ${[...new Set(faults)].join(', ')}`);
    },
    missing: (frames) => {
      const told = new Set(frames.map(({ event, data }) => (event === 'changed' ? data.mutationId : undefined)));
      return acknowledged.filter((key) => !told.has(key));
    },
  };
}

/** How long a write may take that is refused because the database is away. */
const REFUSED_MS = 3000;

/** Checks that some writes were refused, each with a 503 that says when to come back, and none of them hung. */
export function checkRefused(t: Test, writes: readonly AcknowledgedWrites[], refusedMs = REFUSED_MS): void {
  const attempts = writes.flatMap((own) => own.attempts);
  const refused = attempts.filter(({ status }) => status !== 201);
  t.ok(refused.length > 0, 'some were refused');
  t.strictSame([...new Set(refused.map(({ status, retryAfter }) => `${status} ${retryAfter}`))], ['503 2']);
  const times = refused.map(({ ms }) => Math.round(ms)).sort((a, b) => a - b);
  t.comment(`${refused.length} of ${attempts.length} writes refused, after ${times[0]} to ${times.at(-1)} ms`);
  // What else the machine does meets some of them, and not half; of those a hang is told by `stop`.
  t.ok((times[times.length >> 1] ?? Infinity) < refusedMs, `${times} ms`);
}

/**
 * Waits until the stream has told of everything that was acknowledged, and checks that no seq after its first is
 * missing, comes twice or out of order, and that each write was done once. For streams without a `reset`.
 */
export async function checkTold(t: Test, writes: AcknowledgedWrites, stream: EventStream): Promise<void> {
  await until(() => writes.missing(stream.frames).length === 0, 'the stream to tell of all that was acknowledged');
  const { seqs } = stream;
  t.strictSame(
    seqs,
    seqs.map((_, index) => (seqs[0] ?? 0) + index),
    'the seq rises by exactly one (E2)',
  );
  const keys = stream.frames.flatMap(({ event, data }) => (event === 'changed' ? (data.mutationId ?? []) : []));
  t.equal(new Set(keys).size, keys.length, 'each write was done once');
}
