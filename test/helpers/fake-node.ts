// A node as the client sees it, in memory: boards with a log, streams of many boards, refusals, and an end whenever a test
// wants it.

import type { StreamLike } from '../../src/client/page-outside.ts';
import type { BoardEvent, Item, User } from '../../src/client/types.ts';

interface FakeBoard {
  id: string;
  name: string;
  items: Map<string, Item>;
  log: BoardEvent[];
}

const stamps = {
  version: 1,
  createdBy: null,
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedBy: null,
  updatedAt: '2026-01-01T00:00:00.000Z',
};

export const ada: User = { id: '01970000-0000-7000-8000-00000000000a', name: 'Ada' };

/** @returns the id of the board with this number */
export const boardId = (number: number) => `01970000-0000-7000-8000-${`${number}`.padStart(12, '0')}`;

export class FakeNode {
  readonly boards = new Map<string, FakeBoard>();
  readonly streams = new Set<FakeStream>();
  /** All that were ever opened, by their query. */
  readonly opened: URLSearchParams[] = [];
  /** The requests besides streams. */
  readonly requests: Array<{ path: string; init: RequestInit }> = [];
  /** How a stream is answered: 200, a status, 0 when nobody answers, undefined when it hangs. */
  answers: number | undefined = 200;
  retryAfter: string | undefined;
  refused = new Map<string, number>();
  user: User | undefined = ada;
  /** In place of what the node says of who is calling. */
  session: (() => Response) | undefined;
  ticket: string | undefined;
  heartbeatSeconds = 15;

  addBoard(number: number): string {
    const id = boardId(number);
    this.boards.set(id, { id, name: `Board ${number}`, items: new Map(), log: [] });
    return id;
  }

  /** Writes an item, as somebody does, and tells the streams. */
  write(board: string, item: string, text: string | undefined, mutationId?: string): void {
    const { items, log } = this.#board(board);
    const before = items.get(item);
    const object = {
      ...before,
      ...stamps,
      id: item,
      boardId: board,
      text: text ?? '',
      x: 0,
      y: 0,
      rank: 'a',
      data: {},
    };
    const action = text === undefined ? 'deleted' : before ? 'updated' : 'created';
    if (text === undefined) items.delete(item);
    else items.set(item, object as Item);
    log.push({
      seq: log.length + 1,
      boardId: board,
      resource: 'item',
      action,
      id: item,
      object,
      actor: ada,
      at: stamps.createdAt,
      ...(mutationId && { mutationId }),
    });
    for (const stream of this.streams) stream.catchUp();
  }

  /** Tells all streams that have the board. */
  tell(event: string, data: { boardId: string } & Record<string, unknown>): void {
    for (const stream of this.streams) if (stream.has(data.boardId)) stream.send(event, data);
  }

  /** Ends all streams, as when the node dies. */
  cut(readyState: 0 | 2 = 0): void {
    for (const stream of [...this.streams]) stream.end(readyState);
  }

  async fetch(url: string, init: RequestInit = {}): Promise<Response> {
    const path = url.replace(/^https?:\/\/[^/]+/, '');
    this.requests.push({ path, init });
    if (this.answers === undefined) {
      return new Promise((_resolve, reject) =>
        init.signal?.addEventListener('abort', () => reject(new Error('aborted'))),
      );
    }
    if (this.answers === 0) throw new TypeError('fetch failed');
    if (path === '/session' && this.session) return this.session();
    if (path === '/session') return Response.json({ user: this.user }, { status: this.user ? 200 : 401 });
    if (path.startsWith('/events')) {
      const query = new URLSearchParams(path.split('?')[1]);
      const status = this.statusOf(query);
      const headers = this.retryAfter ? { 'retry-after': this.retryAfter } : undefined;
      const code = status === 401 ? 'TB_UNAUTHENTICATED' : `TB_${status}`;
      return Response.json({ code }, { status, ...(headers && { headers }) });
    }
    return Response.json({}, { status: 202 });
  }

  statusOf(query: URLSearchParams): number {
    if (!this.user) return 401;
    if (this.ticket !== undefined && query.get('ticket') !== this.ticket) return 401;
    return this.answers ?? 200;
  }

  open(url: string, later: (callback: () => void) => void): FakeStream {
    const query = new URLSearchParams(url.split('?')[1]);
    this.opened.push(query);
    return new FakeStream(this, query, later);
  }

  /** What the stream of `query` begins with. */
  begin(stream: FakeStream, query: URLSearchParams, lastEventId: string): void {
    const vector = new Map((lastEventId || query.get('lastEventId') || '').split('.').map(splitPlace));
    const boards = (query.get('boards') ?? '').split(',').map((each) => {
      const [id = '', cursor] = each.split('@');
      const refused = this.boards.has(id) ? this.refused.get(id) : 404;
      if (refused) return { boardId: id, refused };
      const from = vector.get(id) ?? (cursor && Number(cursor.split('-')[1]));
      const { log } = this.#board(id);
      stream.places.set(id, Number(from ?? log.length));
      return { boardId: id, cursor: `e-${log.length}`, ...(from !== undefined && { resumedFrom: `e-${from}` }) };
    });
    const fresh = boards.filter((each) => !each.refused && !('resumedFrom' in each));
    stream.send('ready', { boards, heartbeatSeconds: this.heartbeatSeconds }, fresh.length > 0 ? '' : stream.vector);
    for (const { boardId: id } of fresh) {
      const { name, items, log } = this.#board(id);
      const board = { ...stamps, id, name, layout: 'list' };
      const data = { boardId: id, board, items: [...items.values()], members: [], cursor: `e-${log.length}` };
      stream.send('snapshot', data, stream.vector);
    }
    for (const id of stream.places.keys()) stream.send('presence', { boardId: id, action: 'sync', users: [ada] });
    stream.catchUp();
  }

  logOf(id: string): BoardEvent[] {
    return this.#board(id).log;
  }

  #board(id: string): FakeBoard {
    const board = this.boards.get(id);
    if (!board) throw new Error(`no board ${id}`);
    return board;
  }
}

function splitPlace(text: string): [id: string, seq: number] {
  const [id = '', seq] = text.split('~');
  return [id, Number(seq)];
}

type Listener = (event: { data?: string; lastEventId?: string }) => void;

/** An EventSource, whose browser comes back by itself only when a test lets it. */
export class FakeStream implements StreamLike {
  readyState = 0;
  /** Of each board, up to where it was told. */
  readonly places = new Map<string, number>();
  lastEventId = '';
  readonly #node: FakeNode;
  readonly #query: URLSearchParams;
  readonly #listeners = new Map<string, Listener[]>();

  constructor(node: FakeNode, query: URLSearchParams, later: (callback: () => void) => void) {
    this.#node = node;
    this.#query = query;
    later(() => this.connect());
  }

  /** What the browser does when the time has come. */
  connect(): void {
    if (this.readyState === 2 || this.#node.answers === undefined) return;
    const status = this.#node.answers === 0 ? 0 : this.#node.statusOf(this.#query);
    if (status !== 200) {
      this.end(status === 0 ? 0 : 2);
      return;
    }
    this.readyState = 1;
    this.#node.streams.add(this);
    this.#node.begin(this, this.#query, this.lastEventId);
  }

  get vector(): string {
    return [...this.places].map((place) => place.join('~')).join('.');
  }

  has(id: string): boolean {
    return this.places.has(id);
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  send(event: string, data: unknown, id = ''): void {
    if (this.readyState !== 1) return;
    if (id) this.lastEventId = id;
    const told = { data: JSON.stringify(data), lastEventId: this.lastEventId };
    for (const listener of this.#listeners.get(event) ?? []) listener(told);
  }

  catchUp(): void {
    for (const [id, place] of this.places) {
      for (const event of this.#node.logOf(id).slice(place)) {
        this.places.set(id, event.seq);
        this.send('changed', event, this.vector);
      }
    }
  }

  /** @param readyState 0: the browser will come back, 2: it will not */
  end(readyState: 0 | 2): void {
    this.#node.streams.delete(this);
    if (this.readyState === 2) return;
    this.readyState = readyState;
    for (const listener of this.#listeners.get('error') ?? []) listener({});
  }

  close(): void {
    this.#node.streams.delete(this);
    this.readyState = 2;
  }
}
