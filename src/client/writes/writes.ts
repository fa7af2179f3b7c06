// The writes of a page: shown at once, sent when that is possible, confirmed by the board's log.

import type { Live, LiveBoard } from '../live.ts';
import { indexedStorage } from '../outbox/indexed-storage.ts';
import { Keeper } from '../outbox/keeper.ts';
import { Sender } from '../outbox/write-sender.ts';
import { listeners } from '../small.ts';
import type { Applied, Item } from '../types.ts';
import { type Core, OneBoard } from './board-writes.ts';
import type { BoardWrites, Choice, Made, Outcome, Writes, WritesOptions, WritesState } from './offered.ts';
import { decided, undecidedOf } from './undecided.ts';
import { lay } from './view.ts';
import { isUndecided, isUnsent, type Operation, type Result, type Write, type WriteLog } from './write.ts';
import {
  add,
  adopt,
  applyEvent,
  applySnapshot,
  endReached,
  markDone,
  markExpired,
  markRefused,
  markSent,
  remove,
  sendable,
} from './write-log.ts';

interface Open {
  live: LiveBoard;
  writes: OneBoard;
  end: () => void;
}

interface Pending {
  boardId: string;
  settled: Promise<Outcome>;
  settle: (outcome: Outcome) => void;
}

/** Each is shown at once, sent when that is possible, and confirmed by the board's log. */
export class PageWrites implements Writes {
  readonly #live: Live;
  readonly #user: string;
  readonly #keeper: Keeper;
  readonly #sender: Sender;
  readonly #boards = new Map<string, Open>();
  /** Writes of this page that nobody has told the outcome of. */
  readonly #pending = new Map<string, Pending>();
  readonly #onState;
  #log: WriteLog = [];
  #state: WritesState | undefined;

  constructor(live: Live, { user, storage = indexedStorage() }: WritesOptions) {
    const { outside } = live;
    this.#live = live;
    this.#onState = listeners<[WritesState]>(outside);
    this.#user = user;
    this.#keeper = new Keeper({
      outside,
      storage,
      user,
      url: live.url,
      onLeft: (left) => this.#commit(adopt(this.#log, left)),
      onKeeping: () => this.#tell(),
    });
    this.#sender = new Sender({
      live,
      user,
      sendable: () => sendable(this.#log),
      begin: async (key) => {
        this.#commit(markSent(this.#log, key, outside.now()));
        await this.#keeper.saved();
        return this.#log.find((write) => write.key === key && isUnsent(write));
      },
      onAnswer: (key, answer) => {
        if (answer.kind === 'done') this.#finish(key, answer.results);
        else this.#commit(markRefused(this.#log, key, answer.problem));
      },
      onExpired: (key) => this.#commit(markExpired(this.#log, key)),
      onWaiting: () => this.#tell(),
    });
    this.#keeper.start();
    this.#sender.start();
  }

  board(name: string): BoardWrites {
    const live = this.#live.board(name);
    // As events spell it.
    const { id } = live;
    const known = this.#boards.get(id);
    if (known?.live === live) return known.writes;
    known?.end();
    const core: Core = {
      newId: this.#live.outside.newId,
      view: (boardId) => this.#view(boardId),
      add: (boardId, operations) => this.#add(boardId, operations),
    };
    const writes = new OneBoard(core, id, () => this.#tell());
    this.#boards.set(id, { live, writes, end: live.onApplied((applied) => this.#apply(live, applied)) });
    live.setOverlay((confirmed) => lay(this.#log, id, confirmed, this.#user));
    live.refresh();
    return writes;
  }

  get state(): WritesState {
    this.#state ??= {
      unsent: this.#log.filter(isUnsent).length,
      waiting: this.#sender.waiting,
      kept: this.#keeper.keeping,
      undecided: this.#log.filter(isUndecided).map(undecidedOf),
    };
    return this.#state;
  }

  onState(listener: (state: WritesState) => void): () => void {
    return this.#onState.add(listener);
  }

  decide(key: string, choice: Choice): Made | undefined {
    const write = this.#log.find((other) => other.key === key && isUndecided(other));
    const operations = write && decided(write, choice);
    if (!operations) return undefined;
    this.#commit(remove(this.#log, key));
    if (operations.length === 0) return undefined;
    const open = this.#boards.get(write.boardId);
    return open ? open.writes.write(operations) : this.#add(write.boardId, operations);
  }

  retry(): void {
    this.#sender.retry();
  }

  async close(): Promise<void> {
    this.#sender.stop();
    for (const { live, end } of this.#boards.values()) {
      end();
      live.setOverlay(undefined);
      live.refresh();
    }
    this.#boards.clear();
    await this.#keeper.stop();
  }

  #add(boardId: string, operations: readonly Operation[]): Made {
    const { outside } = this.#live;
    const { log, key } = add(this.#log, {
      key: outside.newId(),
      boardId,
      // Behind all that there are, also those that another tab has left, whatever its clock said.
      at: Math.max(outside.now(), 1 + (this.#log.at(-1)?.at ?? 0)),
      status: 'waiting',
      operations,
    });
    const pending = this.#pending.get(key) ?? newPending(boardId);
    this.#pending.set(key, pending);
    this.#commit(log);
    return { key, ids: operations.map(({ id }) => id), settled: pending.settled };
  }

  #finish(key: string, results: readonly Result[]): void {
    const boardId = this.#log.find((write) => write.key === key)?.boardId ?? '';
    const followed = this.#boards.get(boardId);
    // Of a board that nobody looks at, there is no log to wait for.
    const open = followed?.live.status.name === 'ended' ? undefined : followed;
    const done = markDone(this.#log, key, results, this.#user);
    this.#commit(open ? endReached(done, boardId, open.live.confirmed) : remove(done, key));
  }

  #apply({ id, confirmed }: LiveBoard, applied: Applied): void {
    const { kind } = applied;
    if (kind === 'changed') {
      this.#commit(endReached(applyEvent(this.#log, applied.event), id, confirmed));
    } else this.#commit(applySnapshot(this.#log, id));
  }

  #view(boardId: string): ReadonlyMap<string, Item> {
    return lay(this.#log, boardId, this.#boards.get(boardId)?.live.confirmed ?? new Map(), this.#user);
  }

  #commit(log: WriteLog): void {
    if (log === this.#log) return;
    this.#log = log;
    this.#settle();
    this.#keeper.keep(log);
    for (const { live } of this.#boards.values()) live.refresh();
    this.#tell();
    this.#sender.send();
  }

  #settle(): void {
    const writes = new Map<string, Write>(this.#log.map((write) => [write.key, write]));
    for (const [key, { boardId, settle }] of this.#pending) {
      const { status = 'done', problem } = writes.get(key) ?? {};
      if (status === 'waiting' || status === 'sent') continue;
      this.#pending.delete(key);
      this.#boards.get(boardId)?.writes.settle(key, status === 'done');
      settle({ status, ...(problem && { problem }) });
    }
  }

  #tell(): void {
    this.#state = undefined;
    this.#onState.tell(this.state);
  }
}

function newPending(boardId: string): Pending {
  let settle: Pending['settle'] = () => {};
  const settled = new Promise<Outcome>((resolve) => {
    settle = resolve;
  });
  return { boardId, settled, settle };
}
