// A server in memory that keeps the contract: one board, its log, its keys, and the frames of its streams.

import { isSame, type Json, merge } from '../../../src/client/merge-patch.ts';
import type { BoardEvent, Item, Member, Snapshot, User } from '../../../src/client/types.ts';
import type { Fields } from '../../../src/client/writes/offered.ts';
import type { Operation } from '../../../src/client/writes/write.ts';

export interface Frame {
  event: string;
  id?: string;
  data: unknown;
}

export interface Answer {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface Listener {
  lastSeq: number;
  send(frame: Frame): void;
  /** The server ends the response. */
  end(): void;
}

const BOARD = 'b0000000-0000-4000-8000-000000000000';
const KEY_MS = 24 * 3_600_000;
const stamp = '2026-05-04T09:00:00.000Z';

export const ada: User = { id: 'a0000000-0000-4000-8000-000000000000', name: 'Ada' };
export const bob: User = { id: 'b0b00000-0000-4000-8000-000000000000', name: 'Bob' };

export class ModelServer {
  readonly boardId = BOARD;
  readonly items = new Map<string, Item>();
  /** All of it, also what its readers cannot get any more; with what was written to cause each event. */
  readonly log: Array<BoardEvent & { written: Operation }> = [];
  /** How often each key was taken for a new write. */
  readonly doneByKey = new Map<string, number>();
  /** How many came with the key of another write, and were never refused: either could have been the one that was done. */
  reused = 0;
  epoch = 1;
  trimmedTo = 0;
  isMember = true;
  /** All writes that came, whatever became of them. */
  readonly requests: Array<{ at: number; key: string | null; headers: Headers; body: string }> = [];
  /** Who the cookie stands for. */
  user: User | undefined = ada;
  /** Answers all writes with this, instead of doing them. */
  refusal: Answer | undefined;
  /** Answers the question who is signed in with this. */
  sessionRefusal: Answer | undefined;
  readonly #now: () => number;
  readonly #versions = new Map<string, Item>();
  /** A refused write is not remembered under its key: it may be sent again, also with another condition. */
  readonly #refused = new Set<string>();
  readonly #keys = new Map<string, { body: string; answer: Answer; at: number }>();
  readonly #listeners = new Set<Listener>();

  constructor(now: () => number) {
    this.#now = now;
  }

  get head(): number {
    return this.log.length;
  }

  get snapshot(): Snapshot {
    const board = { id: BOARD, name: 'Plans', layout: 'canvas' as const, ...this.#stamps(1, ada) };
    const members: Member[] = [ada, bob].map((user) => ({ boardId: BOARD, user, role: 'editor', createdAt: stamp }));
    return { board, items: [...this.items.values()], members, cursor: this.#cursor(this.head) };
  }

  /** Any request but for a stream. */
  answer(method: string, path: string, headers: Headers, body: string): Answer {
    if (!this.user) return problem(401, 'TB_UNAUTHENTICATED');
    const named = headers.get('user-id') ?? this.user.id;
    if (named !== this.user.id) return problem(401, 'TB_OTHER_USER');
    if (path === '/events') return { status: 200, body: {} };
    if (path === '/session' && this.sessionRefusal) return this.sessionRefusal;
    if (path === '/session') return { status: 200, body: { user: this.user } };
    if (method !== 'POST' || path !== `/boards/${BOARD}/batch`) return problem(404, 'TB_NOT_FOUND');
    this.requests.push({ at: this.#now(), key: headers.get('idempotency-key'), headers, body });
    const { operations } = JSON.parse(body) as { operations: Operation[] };
    return this.write(this.user, operations, headers.get('idempotency-key') ?? undefined);
  }

  write(user: User, operations: Operation[], key?: string): Answer {
    const body = JSON.stringify(operations);
    const known = key === undefined ? undefined : this.#keys.get(`${user.id} ${key}`);
    if (known && this.#now() - known.at < KEY_MS) {
      if (known.body !== body) {
        if (!this.#refused.has(`${key} ${body}`)) this.reused += 1;
        return problem(422, 'TB_KEY_REUSED');
      }
      if (!this.isMember) return problem(404, 'TB_NOT_FOUND');
      return { ...known.answer, headers: { 'idempotent-replayed': 'true' } };
    }
    if (user === ada && !this.isMember) return problem(404, 'TB_NOT_FOUND');
    if (user === ada && this.refusal) return this.refusal;
    const refused = this.#refuse(operations);
    if (refused) {
      this.#refused.add(`${key} ${body}`);
      return refused;
    }
    if (key !== undefined) this.doneByKey.set(key, (this.doneByKey.get(key) ?? 0) + 1);
    const results = operations.map((one) => ({ id: one.id, item: this.#do(user, one, key) }));
    const answer = { status: 200, body: { results } };
    if (key !== undefined) this.#keys.set(`${user.id} ${key}`, { body, answer, at: this.#now() });
    for (const listener of [...this.#listeners]) this.#feed(listener);
    return answer;
  }

  /** @param query of `GET /events` @returns undefined when it was refused */
  listen(query: URLSearchParams, lastEventId: string | undefined, to: Omit<Listener, 'lastSeq'>): Listener | undefined {
    if (!this.user) return undefined;
    const [, place] = (query.get('boards') ?? '').split('@');
    const cursor = lastEventId ?? query.get('lastEventId') ?? place;
    const { isMember } = this;
    const resumed = isMember ? this.#seqOf(cursor) : undefined;
    const listener = { ...to, lastSeq: resumed ?? this.head };
    const board = { boardId: BOARD, cursor: this.#cursor(listener.lastSeq) };
    const boards = [
      isMember ? { ...board, ...(resumed !== undefined && { resumedFrom: cursor }) } : { boardId: BOARD, refused: 404 },
    ];
    const id = resumed === undefined ? {} : { id: this.#cursor(resumed) };
    listener.send({ event: 'ready', ...id, data: { streamId: 'stream', boards, heartbeatSeconds: 15 } });
    if (!isMember) return listener;
    this.#listeners.add(listener);
    if (resumed === undefined) {
      listener.send({ event: 'snapshot', id: this.#cursor(this.head), data: { boardId: BOARD, ...this.snapshot } });
    }
    this.#feed(listener);
    return listener;
  }

  forget(listener: Listener): void {
    this.#listeners.delete(listener);
  }

  heartbeat(): void {
    const data = { boardId: BOARD, cursor: this.#cursor(this.head) };
    for (const listener of this.#listeners) listener.send({ event: 'heartbeat', data });
  }

  /** Ends all streams; what was a cursor before is none any more, if it takes another epoch. */
  restart(takesEpoch: boolean): void {
    if (takesEpoch) this.epoch += 1;
    this.#endAll('shutdown', true);
  }

  trim(): void {
    this.trimmedTo = this.head;
  }

  revoke(): void {
    this.isMember = false;
    for (const listener of this.#listeners) {
      listener.send({ event: 'close', data: { boardId: BOARD, reason: 'revoked', retry: false } });
    }
    this.#listeners.clear();
  }

  signOut(): void {
    this.user = undefined;
    this.#endAll('revoked', false);
  }

  #endAll(reason: string, retry: boolean): void {
    for (const listener of this.#listeners) {
      listener.send({ event: 'close', data: { reason, retry } });
      listener.end();
    }
    this.#listeners.clear();
  }

  #feed(listener: Listener): void {
    for (const { written: _, ...event } of this.log.slice(listener.lastSeq)) {
      listener.lastSeq = event.seq;
      listener.send({ event: 'changed', id: this.#cursor(event.seq), data: event });
    }
  }

  #refuse(operations: Operation[]): Answer | undefined {
    for (const { op, id, item } of operations) {
      if (item?.text === 'refused') return problem(400, 'TB_INVALID');
      if (op === 'create' && this.#versions.has(`${id} 1`)) return problem(409, 'TB_ID_TAKEN');
      if (op !== 'create' && !this.items.has(id)) return problem(409, 'TB_ITEM_GONE');
    }
    const stale = operations.find(
      ({ id, ifMatch }) => ifMatch !== undefined && this.items.get(id)?.version !== ifMatch,
    );
    if (!stale) return undefined;
    const current = this.items.get(stale.id) as Item;
    const base = this.#versions.get(`${stale.id} ${stale.ifMatch}`) ?? null;
    const fields = Object.keys(stale.item ?? {}) as Array<keyof Item>;
    const changed = fields.filter((field) => base && !isSame(base[field], current[field]));
    const conflicts = changed.map((field) => ({ field, actor: bob, at: stamp }));
    return problem(412, 'TB_CONFLICT', { current, base, conflicts });
  }

  #do(user: User, written: Operation, key: string | undefined): Item | null {
    const { op, id, item } = written;
    const before = this.items.get(id);
    const created = before ?? this.#newItem(user, id, item as Fields);
    if (op === 'delete') {
      this.items.delete(id);
      this.#append(user, 'deleted', created, written, key);
      return null;
    }
    if (before && isSame(merge(before, item), before)) return before;
    const now: Item = before
      ? { ...(merge(before, item) as Item), version: before.version + 1, updatedBy: user.id }
      : created;
    this.items.set(id, now);
    this.#versions.set(`${id} ${now.version}`, now);
    this.#append(user, before ? 'updated' : 'created', now, written, key);
    return now;
  }

  #newItem(user: User, id: string, item: Fields): Item {
    const placed = { x: 0, y: 0, color: 'yellow' as const, rank: `a${this.head}`, data: {} as Json, text: '' };
    return { id, boardId: BOARD, ...placed, ...item, ...this.#stamps(1, user) };
  }

  #append(actor: User, action: BoardEvent['action'], object: Item, written: Operation, mutationId?: string): void {
    const named = mutationId === undefined ? {} : { mutationId };
    const seq = this.head + 1;
    this.log.push({
      seq,
      boardId: BOARD,
      resource: 'item',
      action,
      id: object.id,
      object,
      actor,
      at: stamp,
      ...named,
      written,
    });
  }

  #stamps(version: number, { id }: User) {
    return { version, createdBy: id, createdAt: stamp, updatedBy: id, updatedAt: stamp };
  }

  #cursor(seq: number): string {
    return `${this.epoch}-${seq}`;
  }

  /** @returns undefined for a cursor that is none, or that the log cannot go on from */
  #seqOf(cursor: string | undefined): number | undefined {
    const [epoch, seq] = (cursor ?? '').split('-').map(Number);
    if (epoch !== this.epoch || seq === undefined || seq > this.head || seq < this.trimmedTo) return undefined;
    return seq;
  }
}

export function problem(status: number, code: string, more: object = {}, headers: Record<string, string> = {}): Answer {
  return { status, headers, body: { type: 'about:blank', title: code, status, detail: code, code, ...more } };
}
