// One board, kept alive, as signals: what is shown, how the connection is, and what of one's own is not sent yet.

import { computed, type ReadonlySignal, signal } from '@preact/signals-core';
import { sender } from '../../client/broadcast-sender.ts';
import { createOutside } from '../../client/browser/page.ts';
import { createLive } from '../../client/create-live.ts';
import type { ConnectOptions, Live, LiveBoard } from '../../client/live.ts';
import type { Board, BoardEvent, BoardState, Change, Item, Status, User } from '../../client/types.ts';
import type { BoardWrites, Choice, WritesState } from '../../client/writes/offered.ts';
import { PageWrites } from '../../client/writes/writes.ts';
import { cursorAt, seqOf } from './cursors.ts';
import type { KeptBoard, KeptSnapshot } from './kept-boards.ts';
import { newId } from './new-id.ts';
import { createPointers, type Pointers } from './pointers.ts';
import { createService } from './service.ts';

export interface OpenBoard {
  readonly id: string;
  /** Who is signed in. */
  readonly me: User;
  readonly state: ReadonlySignal<BoardState>;
  /** Parts of the state, for what is not to be drawn anew with each note that moves. */
  readonly about: ReadonlySignal<Board | undefined>;
  readonly presence: ReadonlySignal<readonly User[]>;
  readonly status: ReadonlySignal<Status>;
  /** When what is shown was so: milliseconds since 1970. Undefined: it has come from the server since. */
  readonly keptAt: ReadonlySignal<number | undefined>;
  readonly writes: ReadonlySignal<WritesState>;
  readonly undoable: ReadonlySignal<{ undo: boolean; redo: boolean }>;
  readonly edit: BoardWrites;
  /** Where the others point at. */
  readonly pointers: Pointers;
  /** This one among the windows of the user. */
  readonly window: string;
  /** The newest event that is shown, by its number; 0 until something is. */
  readonly head: ReadonlySignal<number>;
  /** The place of an event in the log of this board. @throws Failure */
  cursorOf(seq: number): Promise<string>;
  /** What `GET` of a path below the node gives. @throws Failure */
  read<Answer>(path: string): Promise<Answer>;
  /** Each event when it is applied. @returns what ends that */
  onEvent(listener: (event: BoardEvent) => void): () => void;
  /** What others have changed. @returns what ends that */
  onOthers(listener: (changes: readonly Change[]) => void): () => void;
  onBroadcast: LiveBoard['onBroadcast'];
  /** Tells everyone who has the board open, without a trace. */
  send: (name: string, data: unknown) => void;
  /** The item as the log has it. */
  confirmed(id: string): Item | undefined;
  /** The board as the log has it; undefined while what is shown is about to change, or nothing is. */
  snapshot(): KeptSnapshot | undefined;
  decide(key: string, choice: Choice): void;
  /** Tries at once. */
  retry(): void;
  close(): void;
}

export interface OpenBoardOptions {
  url: string;
  headers: ConnectOptions['headers'];
  credentials: ConnectOptions['credentials'];
  ticket: ConnectOptions['ticket'];
  id: string;
  me: User;
  /** Shown until the server tells. */
  kept?: KeptBoard | undefined;
}

export function openBoard({ id, me, kept, ...how }: OpenBoardOptions): OpenBoard {
  const identified = Object.fromEntries(Object.entries(how).filter(([, value]) => value !== undefined));
  const snapshots = kept ? [kept.snapshot] : [];
  const options = { ...identified, url: how.url, user: me.id, boards: [id], snapshots };
  const live: Live = createLive(options, createOutside());
  const writes = new PageWrites(live, { user: me.id });
  const board = live.board(id);
  const edit = writes.board(id);
  const state = signal(board.state);
  const status = signal(board.status);
  const written = signal(writes.state);
  const undoable = signal({ undo: edit.canUndo, redo: edit.canRedo });
  const window = newId().slice(0, 8);
  const pointers = createPointers(board, window);
  const head = signal(kept?.snapshot.seq ?? 0);
  const keptAt = signal(kept?.at);
  /** The newest event of the state that was told last. */
  let shownHead = 0;
  /** Some cursor of this log, and the question for one. */
  let known = '';
  let asking: Promise<void> | undefined;
  const { call } = createService(how.url, how);
  const read = <Answer>(path: string) => call<Answer>('GET', path);
  const ask = async () => {
    try {
      known ||= (await read<{ cursor: string }>(`/boards/${id}/events?limit=1`)).cursor;
    } finally {
      asking = undefined;
    }
  };
  const updateStatus = () => {
    status.value = board.status;
    if (board.status.name === 'live') keptAt.value = undefined;
  };
  const ends = [
    board.onChange((next) => {
      shownHead = head.peek();
      state.value = next;
      updateStatus();
    }),
    board.onApplied((applied) => {
      if (applied.kind === 'changed') head.value = applied.event.seq;
      if (applied.kind !== 'snapshot') return;
      // What another tab passes on has its number, and no cursor where events have come after.
      const { cursor, seq = seqOf(cursor) } = applied.snapshot as typeof applied.snapshot & { seq?: number };
      known = cursor || known;
      head.value = seq;
    }),
    live.onStatus(updateStatus),
    writes.onState((next) => {
      written.value = next;
      const { undo, redo } = undoable.value;
      if (undo !== edit.canUndo || redo !== edit.canRedo) undoable.value = { undo: edit.canUndo, redo: edit.canRedo };
    }),
  ];
  return {
    id,
    me,
    state,
    about: computed(() => state.value.board),
    presence: computed(() => state.value.presence),
    status,
    keptAt,
    writes: written,
    undoable,
    edit,
    pointers,
    window,
    head,
    async cursorOf(seq) {
      asking ??= known === '' ? ask() : undefined;
      await asking;
      return cursorAt(known, seq);
    },
    read,
    onEvent: (listener) =>
      board.onApplied((applied) => {
        if (applied.kind === 'changed') listener(applied.event);
      }),
    onOthers: (listener) =>
      board.onChange((_, { changes }) => {
        const others = changes.filter(({ own }) => !own);
        if (others.length > 0) listener(others);
      }),
    onBroadcast: board.onBroadcast,
    send: sender(live, board),
    confirmed: (itemId) => board.confirmed.get(itemId),
    snapshot() {
      const { board: about, members } = board.state;
      const seq = head.peek();
      if (!about || shownHead !== seq) return undefined;
      return { board: about, members: [...members], items: [...board.confirmed.values()], cursor: '', seq };
    },
    decide: (key, choice) => void writes.decide(key, choice),
    retry() {
      live.retry();
      writes.retry();
    },
    close() {
      for (const end of ends) end();
      pointers.close();
      void writes.close();
      live.close();
    },
  };
}
