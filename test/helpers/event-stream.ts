// A client of one stream, over a real socket, that keeps every byte it was sent.
//
// Of a stream of many boards it gives what that tells of one of them, as the stream of this one alone would tell it: so a
// test may ask the same of both.

import http from 'node:http';
import { createParser } from 'eventsource-parser';
import { BoardFrames, type ReadyBoard } from './board-frames.ts';
import { type BoardRequest, requestBoard } from './board-request.ts';
import type { Teardown } from './teardown.ts';
import { until } from './until.ts';

export interface ReceivedFrame {
  id: string | undefined;
  event: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: a test knows what it asked for
  data: any;
}

export interface ReceivedPresence {
  boardId: string;
  action: 'sync' | 'join' | 'leave';
  /** Of a `sync`. */
  users: Array<{ id: string; name: string }>;
  total?: number;
  /** Of a `join` or `leave`. */
  user: { id: string; name: string };
}

export interface EventStream {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** The body as it came, byte for byte. */
  readonly raw: string;
  /** The events in it, as a browser would dispatch them, without `presence` and `heartbeat`: those come when they come. */
  readonly frames: ReceivedFrame[];
  /** The `heartbeat` events. */
  readonly heartbeats: ReceivedFrame[];
  /** The data of the `presence` events. */
  readonly presence: ReceivedPresence[];
  /** The last `id:`, as a client sends it when it comes back: of a stream of many boards one for all of them. */
  readonly lastEventId: string | undefined;
  /** The value of each `retry:` field. */
  readonly retries: number[];
  /** True when the server has ended the body cleanly; false while it goes on or when it was cut. */
  readonly ended: boolean;
  readonly closed: boolean;
  /** Waits until a frame fits. For `ready` it opens the stream again where it was told to come back before that. */
  next(event: string, fits?: (frame: ReceivedFrame) => boolean): Promise<ReceivedFrame>;
  /** The seqs of the `changed` frames so far. */
  readonly seqs: number[];
  /** Resolves when the server has ended the stream. */
  end(): Promise<void>;
  close(): void;
  readonly socket: import('node:net').Socket;
}

export type OpenOptions = { cookie: string } & BoardRequest;

/** @returns for every other one of several streams: the boards beside its own */
export function oneOfTwo(index: number, beside: readonly string[]): readonly string[] | undefined {
  return index % 2 === 1 ? beside : undefined;
}

/** Opens a stream; resolves at the head of the response. Is closed with the test. */
export function openStream(t: Teardown, base: string, boardId: string, options: OpenOptions): Promise<EventStream> {
  const { path, headers, isReturning } = requestBoard(boardId, options);
  const isDue = ({ resumedFrom }: ReadyBoard) => isReturning && resumedFrom === undefined;
  const boards = options.beside && new BoardFrames([boardId], isDue);
  const split = (frame: ReceivedFrame) => boards?.split(frame).filter((own) => own.boardId === boardId) ?? [frame];
  return open(t, base + path, { cookie: options.cookie, ...headers }, split);
}

/**
 * Opens `GET /events`, and gives all that it tells.
 *
 * @param boards each with its cursor, if it has one
 * @param options the query begins with `&`
 */
export function openMany(
  t: Teardown,
  base: string,
  boards: string[],
  { cookie, headers, query = '' }: OpenOptions,
): Promise<EventStream> {
  return open(t, `${base}/events?boards=${boards.join()}${query}`, { cookie, ...headers }, (frame) => [frame]);
}

async function open(
  t: Teardown,
  url: string,
  headers: Record<string, string>,
  split: (frame: ReceivedFrame) => ReceivedFrame[],
): Promise<EventStream> {
  const frames: ReceivedFrame[] = [];
  const heartbeats: ReceivedFrame[] = [];
  const presence: ReceivedPresence[] = [];
  const retries: number[] = [];
  let raw = '';
  let ended = false;
  let closed = false;
  let lastEventId: string | undefined;
  const take = ({ id, event, data }: ReceivedFrame) => {
    if (event === 'heartbeat') heartbeats.push({ id, event, data });
    else if (event !== 'presence') frames.push({ id, event, data });
    else if (id === undefined) presence.push(data);
    else throw new Error(`a presence event with the id ${id}`);
  };
  const connect = async () => {
    const request = http.get(url, { agent: false, headers: { accept: 'text/event-stream', ...headers } });
    t.teardown(() => request.destroy());
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      request.once('response', resolve);
      request.once('error', reject);
    });
    request.on('error', () => {});
    const parser = createParser({
      onEvent: ({ id, event, data }) => {
        lastEventId = id ?? lastEventId;
        for (const frame of split({ id, event, data: JSON.parse(data) })) take(frame);
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
    return { request, response };
  };
  let connection = await connect();
  const isToldToComeBack = () => closed && ended && frames.length === 1 && frames[0]?.data.reason === 'busy';
  const comeBack = async () => {
    for (const told of [frames, heartbeats, presence, retries]) told.length = 0;
    raw = '';
    ended = false;
    closed = false;
    connection = await connect();
  };
  return {
    get status() {
      return connection.response.statusCode ?? 0;
    },
    get headers() {
      return connection.response.headers;
    },
    get socket() {
      return connection.response.socket;
    },
    frames,
    heartbeats,
    presence,
    retries,
    get lastEventId() {
      return lastEventId;
    },
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
    next: (event, fits = () => true) => {
      const among = event === 'heartbeat' ? heartbeats : frames;
      return until(
        async () => {
          // As an EventSource does. Where a database is as slow as one that is away, whoever opens a stream is told so.
          if (event === 'ready' && isToldToComeBack()) await comeBack();
          return among.find((frame) => frame.event === event && fits(frame));
        },
        () => `a frame '${event}' in … ${raw.slice(-2000)}`,
      );
    },
    end: async () => {
      await until(() => ended, 'the end of the stream');
    },
    close: () => connection.request.destroy(),
  };
}
