// A stream that comes back by its cursor when it ends, as EventSource does it, and notes what happens.

import { type ReadonlySignal, signal } from '@preact/signals-core';
import { MOST_FRAMES, readFrames } from '../state/raw-stream.ts';
import { fieldsOf } from './frame-fields.ts';

export interface Entry {
  number: number;
  at: number;
  /** Of a frame; undefined: what the page says about the connection. */
  bytes: number | undefined;
  text: string;
}

export interface FollowedStream {
  /** The newest last; only so many are kept. */
  readonly entries: ReadonlySignal<readonly Entry[]>;
  /** All that came. */
  readonly totals: ReadonlySignal<{ frames: number; bytes: number }>;
  /** As `ready` named it; undefined: it is not open now. */
  readonly streamId: ReadonlySignal<string | undefined>;
  close(): void;
}

/** Until a stream has said how soon to come back. */
const FIRST_RETRY_MS = 2000;

const encoder = new TextEncoder();

/** @param url of the stream of a board, on this server */
export function followStream(url: string): FollowedStream {
  const entries = signal<readonly Entry[]>([]);
  const totals = signal({ frames: 0, bytes: 0 });
  const streamId = signal<string | undefined>(undefined);
  const closed = new AbortController();
  let count = 0;
  let retryMs = FIRST_RETRY_MS;
  let lastEventId: string | undefined;
  let endedAt: number | undefined;
  let isOver = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function add(text: string, bytes?: number): void {
    count += 1;
    entries.value = [...entries.value, { number: count, at: Date.now(), bytes, text }].slice(-MOST_FRAMES);
  }

  function onFrame(text: string): void {
    // With the empty line at its end.
    const bytes = encoder.encode(text).length + 2;
    totals.value = { frames: totals.value.frames + 1, bytes: totals.value.bytes + bytes };
    add(text, bytes);
    const frame = fieldsOf(text);
    retryMs = frame.retryMs ?? retryMs;
    if (frame.event === 'ready') onReady(frame.data);
    if (frame.event === 'close') isOver = frame.data.retry === false;
    lastEventId = frame.id ?? lastEventId;
  }

  function onReady(data: Record<string, unknown>): void {
    streamId.value = String(data.streamId);
    if (endedAt === undefined) return;
    const away = ((Date.now() - endedAt) / 1000).toFixed(1);
    endedAt = undefined;
    const { resumedFrom } = data;
    if (resumedFrom !== undefined && resumedFrom === lastEventId)
      add(`Back after ${away} s, at ${lastEventId}: what has happened meanwhile follows, and nothing is missing.`);
    else add(`Back after ${away} s, but not at the place that was asked for: a reset follows.`);
  }

  async function read(): Promise<void> {
    let refusal = '';
    try {
      const onHead = ({ ok, status }: Response) => {
        if (!ok) refusal = `The server answered ${status}. `;
      };
      await readFrames(url, { signal: closed.signal, lastEventId, onHead, onFrame });
    } catch {
      // Cut, or never there: it is the same for who comes back.
    }
    if (closed.signal.aborted) return;
    streamId.value = undefined;
    endedAt ??= Date.now();
    if (isOver || refusal !== '') {
      add(`${refusal}It has ended, and coming back would be refused.`);
      return;
    }
    add(`Ended after ${lastEventId ?? 'nothing'}. Coming back in ${(retryMs / 1000).toFixed(1)} s.`);
    timer = setTimeout(() => void read(), retryMs);
  }

  void read();
  return {
    entries,
    totals,
    streamId,
    close() {
      clearTimeout(timer);
      closed.abort();
    },
  };
}
