// A client that comes back by itself, as a browser does: the real EventSource, and a diary of its connections.

import { EventSource, type FetchLike } from 'eventsource';
import { createParser } from 'eventsource-parser';
import { BoardFrames } from './board-frames.ts';
import { requestBoard } from './board-request.ts';
import type { Client } from './client.ts';
import type { ReceivedFrame } from './event-stream.ts';
import type { Teardown } from './teardown.ts';

/** One attempt to connect. Times are of `performance.now()`. */
export interface Connection {
  address: string;
  startedAt: number;
  /** Of the answer; undefined when there was none. */
  status?: number;
  /** When `ready` came; undefined when the node could not be reached, or took no stream. */
  readyAt?: number;
  lostAt?: number;
  /** The last `retry:` of this connection. */
  retryMs?: number;
}

export interface Reader {
  /** What the page's listeners were given, in order, without heartbeats and presence. */
  readonly frames: ReceivedFrame[];
  /** The seqs of the `changed` frames so far. */
  readonly seqs: number[];
  readonly connections: Connection[];
  /** True while the last connection is open and has said `ready`. */
  readonly isOpen: boolean;
  close(): void;
}

export interface ReaderOptions {
  /** Where the next connection goes, as a balancer or the DNS would say. */
  address: () => string;
  boardId: string;
  client: Pick<Client, 'cookie'>;
  /** The cursor to begin after. */
  after?: string;
  /** In the address, as a page has it that has no cookie here. */
  ticket?: string;
  /** Other boards, or none: then it follows many, and tells what it was told of this one. */
  beside?: readonly string[] | undefined;
}

/** Of a board's stream: each frame. Of one of many boards: those of this one, as its own stream would have told them. */
function splitter(boardId: string, isMany: boolean, isReturning: () => boolean) {
  if (!isMany) return (frame: ReceivedFrame) => [frame];
  const boards = new BoardFrames([boardId], ({ resumedFrom }) => isReturning() && resumedFrom === undefined);
  return (frame: ReceivedFrame) =>
    boards.split(frame).flatMap(({ boardId: of, ...own }) => (of === boardId ? [own] : []));
}

const names = ['ready', 'snapshot', 'changed', 'reset', 'broadcast', 'close'];

/** Is closed with the test. */
export function startReader(t: Teardown, { address, boardId, client, after, ticket, beside }: ReaderOptions): Reader {
  const frames: ReceivedFrame[] = [];
  const seqs: number[] = [];
  const connections: Connection[] = [];

  /** EventSource tells nobody its address nor its `retry:`. */
  const fetchAndNote: FetchLike = async (url, init) => {
    const connection: Connection = { address: address(), startedAt: performance.now() };
    connections.push(connection);
    const { pathname, search } = new URL(url);
    const headers = { ...init.headers, cookie: client.cookie };
    const response = await fetch(connection.address + pathname + search, { ...init, headers });
    connection.status = response.status;
    const decoder = new TextDecoder();
    const parser = createParser({
      onRetry: (retryMs) => {
        connection.retryMs = retryMs;
      },
    });
    const note = new TransformStream<Uint8Array, Uint8Array>({
      transform: (bytes, next) => {
        parser.feed(decoder.decode(bytes, { stream: true }));
        next.enqueue(bytes);
      },
    });
    const { status, redirected } = response;
    return {
      status,
      redirected,
      url: response.url,
      headers: response.headers,
      body: response.body?.pipeThrough(note) ?? null,
    };
  };

  const query = new URLSearchParams({
    ...(after !== undefined && { lastEventId: after }),
    ...(ticket !== undefined && { ticket }),
  });
  const { path, isReturning } = requestBoard(boardId, { query: `?${query}`, beside });
  const source = new EventSource(address() + path, { fetch: fetchAndNote });
  t.teardown(() => source.close());
  const split = splitter(boardId, beside !== undefined, () => isReturning || connections.length > 1);
  for (const name of names) {
    source.addEventListener(name, ({ data, lastEventId }) => {
      const connection = connections.at(-1);
      if (name === 'ready' && connection) connection.readyAt = performance.now();
      for (const frame of split({ id: lastEventId || undefined, event: name, data: JSON.parse(data) })) {
        frames.push(frame);
        if (name === 'changed') seqs.push(frame.data.seq);
      }
    });
  }
  source.addEventListener('error', () => {
    const connection = connections.at(-1);
    if (connection) connection.lostAt ??= performance.now();
  });
  return {
    frames,
    seqs,
    connections,
    get isOpen() {
      const { readyAt, lostAt } = connections.at(-1) ?? {};
      return readyAt !== undefined && lostAt === undefined;
    },
    close: () => source.close(),
  };
}
