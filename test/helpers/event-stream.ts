// A client of one stream, over a real socket, that keeps every byte it was sent.

import http from 'node:http';
import { createParser } from 'eventsource-parser';
import type { Teardown } from './teardown.ts';
import { until } from './until.ts';

export interface ReceivedFrame {
  id: string | undefined;
  event: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: a test knows what it asked for
  data: any;
}

export interface ReceivedPresence {
  action: 'sync' | 'join' | 'leave';
  /** Of a `sync`. */
  users: Array<{ id: string; name: string }>;
  total?: number;
  /** Of a `join` or `leave`. */
  user: { id: string; name: string };
}

export interface EventStream {
  status: number;
  headers: http.IncomingHttpHeaders;
  /** The body as it came, byte for byte. */
  readonly raw: string;
  /** The events in it, as a browser would dispatch them, without `presence`: that comes when it comes. */
  readonly frames: ReceivedFrame[];
  /** The data of the `presence` events. */
  readonly presence: ReceivedPresence[];
  /** The value of each `retry:` field. */
  readonly retries: number[];
  /** True when the server has ended the body cleanly; false while it goes on or when it was cut. */
  readonly ended: boolean;
  readonly closed: boolean;
  /** Waits until a frame fits, at or after `from`. */
  next(event: string, fits?: (frame: ReceivedFrame) => boolean): Promise<ReceivedFrame>;
  /** The seqs of the `changed` frames so far. */
  readonly seqs: number[];
  /** Resolves when the server has ended the stream. */
  end(): Promise<void>;
  close(): void;
  socket: import('node:net').Socket;
}

export interface OpenOptions {
  cookie: string;
  headers?: Record<string, string>;
  /** With a leading `?`. */
  query?: string;
}

/** Opens `GET /boards/:id/events`; resolves at the head of the response. Is closed with the test. */
export async function openStream(
  t: Teardown,
  base: string,
  boardId: string,
  options: OpenOptions,
): Promise<EventStream> {
  const request = http.get(`${base}/boards/${boardId}/events${options.query ?? ''}`, {
    agent: false,
    headers: { accept: 'text/event-stream', cookie: options.cookie, ...options.headers },
  });
  t.teardown(() => request.destroy());
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.once('error', reject);
  });
  request.on('error', () => {});
  const frames: ReceivedFrame[] = [];
  const presence: ReceivedPresence[] = [];
  const retries: number[] = [];
  let raw = '';
  let ended = false;
  let closed = false;
  const parser = createParser({
    onEvent: ({ id, event, data }) => {
      if (event !== 'presence') frames.push({ id, event, data: JSON.parse(data) });
      else if (id === undefined) presence.push(JSON.parse(data));
      else throw new Error(`a presence event with the id ${id}`);
    },
    onRetry: (retry) => void retries.push(retry),
  });
  response.setEncoding('utf8');
  response.on('data', (text: string) => {
    raw += text;
    if (response.headers['content-type'] === 'text/event-stream') parser.feed(text);
  });
  response.once('end', () => {
    ended = true;
  });
  response.on('error', () => {});
  response.once('close', () => {
    closed = true;
  });
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    socket: response.socket,
    frames,
    presence,
    retries,
    get raw() {
      return raw;
    },
    get ended() {
      return ended;
    },
    get closed() {
      return closed;
    },
    get seqs() {
      return frames.filter(({ event }) => event === 'changed').map(({ data }) => data.seq);
    },
    next: (event, fits = () => true) =>
      until(() => frames.find((frame) => frame.event === event && fits(frame)), `a frame '${event}' in ${raw}`),
    end: async () => {
      await until(() => ended, 'the end of the stream');
    },
    close: () => request.destroy(),
  };
}
