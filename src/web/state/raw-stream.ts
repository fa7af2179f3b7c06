// The stream of a board as it comes, byte by byte, for who wants to see it. What is shown of the board does not come from here.

import { type ReadonlySignal, signal } from '@preact/signals-core';

export interface RawFrame {
  number: number;
  at: number;
  text: string;
}

export interface RawStream {
  /** The newest last; only so many are kept. */
  readonly frames: ReadonlySignal<readonly RawFrame[]>;
  /** All that came, also what is not kept any more. */
  readonly bytes: ReadonlySignal<number>;
  /** Why it came to its end; empty: it is open. */
  readonly end: ReadonlySignal<string>;
  close(): void;
}

export const MOST_FRAMES = 100;

export interface FrameReading {
  signal: AbortSignal;
  /** The last event that was seen. */
  lastEventId?: string | undefined;
  /** The body is read when it returns. */
  onHead?: (answer: Response) => void;
  onBytes?: (count: number) => void;
  /** @param text without the empty line at its end */
  onFrame: (text: string) => void;
}

/** @returns when the body has ended. @throws when it was cut, or nobody has answered */
export async function readFrames(
  url: string,
  { signal, lastEventId, onHead, onBytes, onFrame }: FrameReading,
): Promise<void> {
  const resume = lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId };
  const answer = await fetch(url, { headers: { Accept: 'text/event-stream', ...resume }, signal });
  onHead?.(answer);
  const decoder = new TextDecoder();
  const reader = answer.body?.getReader();
  let rest = '';
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    onBytes?.(part.value.length);
    const pieces = (rest + decoder.decode(part.value, { stream: true })).split('\n\n');
    rest = pieces.pop() ?? '';
    for (const piece of pieces) onFrame(piece);
  }
}

/** @param url of the stream, on this server */
export function openRawStream(url: string): RawStream {
  const frames = signal<readonly RawFrame[]>([]);
  const bytes = signal(0);
  const end = signal('');
  const closed = new AbortController();
  let count = 0;
  let refusal = '';
  void readFrames(url, {
    signal: closed.signal,
    onHead: ({ ok, status }) => {
      if (!ok) refusal = `The server answered ${status}.`;
    },
    onBytes: (more) => {
      bytes.value += more;
    },
    onFrame: (text) => {
      count += 1;
      frames.value = [...frames.value, { number: count, at: Date.now(), text }].slice(-MOST_FRAMES);
    },
  })
    .then(() => refusal || 'The server has ended it.')
    .catch(() => 'The connection is gone.')
    .then((why) => {
      end.value = why;
    });
  return { frames, bytes, end, close: () => closed.abort() };
}
