// What a page knows of one board, and what it shows of it.

import type { Frame } from './connection.ts';
import type { LiveBoard } from './live.ts';
import type { Outside } from './outside.ts';
import { isSame, listeners } from './small.ts';
import type {
  Applied,
  Board,
  BoardEvent,
  BoardState,
  Broadcast,
  Change,
  Changes,
  Item,
  Member,
  Snapshot,
  Status,
  User,
} from './types.ts';

export interface BoardOptions {
  outside: Outside;
  isOwn(mutationId: string | undefined): boolean;
  /** An event is missing. */
  onHole(): void;
}

/** As many as a page is told of one by one, however long it does not run. */
const MOST_CHANGES = 1000;
const uuid = /^[\da-f]{8}(-[\da-f]{4}){4}[\da-f]{8}$/;

export function createBoard(id: string, { outside, isOwn, onHole }: BoardOptions) {
  let board: Board | undefined;
  let members: readonly Member[] = [];
  let presence: readonly User[] = [];
  let seq = 0;
  /** Of a snapshot that nothing has come after. */
  let cursor = '';
  let isFresh = false;
  /** The server would refuse this id, and the boards that it was asked for with it. */
  const invalid = uuid.test(id) ? undefined : 'TB_INVALID';
  let ended = invalid;
  const confirmed = new Map<string, Item>();
  let overlay: Parameters<LiveBoard['setOverlay']>[0];
  /** What is said of the stream. */
  let stream: Status;
  let status: Status = { name: 'connecting', since: outside.now() };
  let state: BoardState;
  let changes: Change[] = [];
  let isAnew = false;
  let itemsAreStale = true;
  let isDue = false;
  const onChange = listeners<[BoardState, Changes]>(outside);
  const onApplied = listeners<[Applied]>(outside);
  const onBroadcast = listeners<[Broadcast]>(outside);

  /** Once per frame, however much comes until then. */
  function refresh(): void {
    itemsAreStale = true;
    publishSoon();
  }

  function publishSoon(): void {
    if (!isDue) outside.frame(publish);
    isDue = true;
  }

  function publish(): void {
    isDue = false;
    const items = itemsAreStale ? new Map(overlay?.(confirmed) ?? confirmed) : state.items;
    state = { board, items, members, presence };
    const told = { changes, snapshot: isAnew };
    changes = [];
    isAnew = itemsAreStale = false;
    onChange.tell(state, told);
  }

  function applySnapshot(snapshot: Snapshot & { seq?: number }): void {
    ({ board, members, cursor } = snapshot);
    // The server names no seq, a tab that passes it on does. Of a cursor of another form it is NaN, with which all compares as
    // false: then the first event says where the board is.
    seq = snapshot.seq ?? Number(cursor.split('-')[1]);
    confirmed.clear();
    for (const item of snapshot.items) confirmed.set(item.id, item);
    isAnew = isFresh = true;
    onApplied.tell({ kind: 'snapshot', snapshot });
    refresh();
  }

  function applyEvent(event: BoardEvent): void {
    const ahead = event.seq - seq;
    // Without a snapshot it says nothing, and one that is known already says nothing new.
    if (!board || ahead < 1) return;
    if (ahead > 1) {
      onHole();
      return;
    }
    seq = event.seq;
    cursor = '';
    const isGone = event.action === 'deleted';
    if (event.resource === 'board') board = event.object as Board;
    else if (event.resource === 'item') {
      if (isGone) confirmed.delete(event.id);
      else confirmed.set(event.id, event.object as Item);
      itemsAreStale = true;
    } else if (event.resource === 'member') {
      const member = event.object as Member;
      const now = isGone ? [] : [member];
      members =
        event.action === 'created'
          ? [...members, member]
          : members.flatMap((each) => (each.user.id === member.user.id ? now : each));
    }
    if (changes.length === MOST_CHANGES) {
      changes = [];
      isAnew = true;
    }
    changes.push({ ...event, own: isOwn(event.mutationId) });
    onApplied.tell({ kind: 'changed', event });
    publishSoon();
  }

  function applyPresence({ action, users, user }: { action: string; users: User[]; user: User }): void {
    presence = action === 'sync' ? users : presence.filter(({ id }) => id !== user.id);
    if (action === 'join') presence = [...presence, user];
    publishSoon();
  }

  function updateStatus(): void {
    let { name } = stream;
    if (ended) name = 'ended';
    else if (name === 'live' && !isFresh) name = board ? 'behind' : 'connecting';
    else if (name === 'connecting' && board) name = 'cached';
    const next = { name, since: outside.now(), reason: ended ?? stream.reason };
    if (isSame(status, next)) return;
    status = next;
    publishSoon();
  }

  function end(reason: string): void {
    ended = reason;
    isFresh = false;
    presence = [];
    onApplied.tell({ kind: 'ended', reason });
    publishSoon();
  }

  const rules: Record<string, (data: Frame['data']) => void> = {
    snapshot: applySnapshot,
    changed: applyEvent,
    presence: applyPresence,
    broadcast: onBroadcast.tell,
    reset: onHole,
    close({ retry, reason }) {
      if (!retry) end(reason);
    },
    ready({ refused, resumedFrom }) {
      if (refused === 404) end('TB_NOT_FOUND');
      isFresh = !!board && !!resumedFrom;
      // The stream goes on from a place of which this tab has not got the board: it was left, and has come back.
      if (!board && resumedFrom) onHole();
    },
  };

  publish();
  const self: LiveBoard = {
    id,
    get state() {
      return state;
    },
    get status() {
      return status;
    },
    confirmed,
    onChange: onChange.add,
    onBroadcast: onBroadcast.add,
    onApplied: onApplied.add,
    setOverlay(next) {
      overlay = next;
      refresh();
    },
    refresh,
  };

  return {
    self,
    /** Why; undefined: it has not. */
    get endedBy() {
      return ended;
    },
    get isKnown() {
      return !!board;
    },
    /** @param all also what is known is to be told. What has ended is over, until somebody asks for it again */
    isNeeded: (all: boolean) => !ended && (all || !board),
    /** Access may have come back. @returns whether it is to be asked for again */
    restart(): boolean {
      const hasEnded = ended !== invalid;
      if (hasEnded) {
        ended = board = undefined;
        cursor = '';
        updateStatus();
      }
      return hasEnded;
    },
    /** Where it goes on from by itself; '': only the stream knows, or nobody. */
    get cursor() {
      return cursor;
    },
    /** Takes a frame of this board. */
    apply({ event, data }: Frame): void {
      // Somebody has asked for it again, and had it.
      if (event === 'snapshot') ended = invalid;
      if (ended) return;
      rules[event]?.(data);
      updateStatus();
    },
    /** @param now what is said of the stream */
    follow(now: Status): void {
      stream = now;
      updateStatus();
    },
    /** What another tab needs to go on from here, as the stream would tell it. */
    get toldAnew(): Frame[] {
      if (ended) return [{ event: 'close', data: { boardId: id, reason: ended } }];
      return board
        ? [
            { event: 'snapshot', data: { board, items: [...confirmed.values()], members, cursor, seq } },
            { event: 'presence', data: { boardId: id, action: 'sync', users: presence } },
          ]
        : [];
    },
  };
}

export type BoardOfPage = ReturnType<typeof createBoard>;
