// Boards, tabs and the stream, put together.

import { type BoardOfPage, createBoard } from './board.ts';
import { createConnection, type Frame, MOST_BOARDS } from './connection.ts';
import { backoffMs } from './connection-states.ts';
import { findGroup } from './group.ts';
import type { ConnectOptions, Live } from './live.ts';
import type { PageOutside } from './page-outside.ts';
import { answerReader } from './problem.ts';
import { createRequest } from './request.ts';
import { createPause, createTimer, isSame, listeners } from './small.ts';
import { createTabs } from './tabs.ts';
import type { Status, StatusName } from './types.ts';

/** What the leader tells the other tabs. */
interface Told {
  frames: Frame[];
  status: Status;
  /** The place in the log that it stands for. */
  cursor: string;
  /** It is all that the tab has asked for. */
  isComplete: boolean;
}

const HEARTBEAT_MS = 15_000;
/** Boards that come and go together make one new stream. */
const GATHER_MS = 20;
/** When a board was full. */
const AGAIN_MS = 30_000;
/** However often browsers say that they are online. */
const LEAST_MS_BETWEEN = 500;
/** Who is calling is not waited for any longer. */
const HANG_MS = 10_000;

export function createLive(options: ConnectOptions & { url: string }, outside: PageOutside): Live {
  const url = options.url.replace(/\/$/, '');
  const { request, isOwn } = createRequest({ ...options, url }, outside);
  const boards = new Map<string, BoardOfPage>();
  /** Those that this page shows; a leader has those of the other tabs as well. */
  const shown = new Set<string>();
  const onStatus = listeners<[Status]>(outside);
  let status: Status = { name: 'connecting', since: outside.now() };
  let hiddenAt = outside.now();
  let gathers = false;
  /** Whether this tab has heard all that the leader has told. */
  let isComplete = false;
  let attempt = 0;
  /** Over when the server may be asked again who is calling. */
  let bar: Promise<void> | undefined;
  const pause = createPause(outside);
  const readAnswer = answerReader(outside);
  const setFullTimer = createTimer(outside);

  function boardOf(id: string): BoardOfPage {
    const known = boards.get(id);
    if (known) return known;
    const onHole = () => (tabs.isLeading ? connection.readAnew() : tabs.ask(true));
    const board = createBoard(id, { outside, isOwn, onHole });
    boards.set(id, board);
    board.follow(status);
    return board;
  }

  function setStatus(next: Status): void {
    const isNew = !isSame(status, next);
    if (isNew) status = next;
    for (const board of boards.values()) board.follow(status);
    if (isNew) onStatus.tell(status);
  }

  function changeStatus(name: StatusName, reason?: string): void {
    if (name === 'connecting' && [...boards.values()].some(({ isKnown }) => isKnown)) name = 'cached';
    setStatus({ name, since: outside.now(), reason });
    tell();
  }

  function tell(frames: Frame[] = [], to?: string): void {
    tabs.tell({ frames, status, cursor: connection.cursor, isComplete: !!to } satisfies Told, to);
  }

  /** Takes a frame of the stream, wherever it came from. */
  function apply(frame: Frame): void {
    const { event, data } = frame;
    for (const each of data.boards ?? [data]) boards.get(each.boardId ?? each.board?.id)?.apply({ event, data: each });
  }

  /** As the leader, of the server itself. */
  function onFrame(frame: Frame): void {
    const { data } = frame;
    apply(frame);
    tell([frame]);
    const isFull = data.boards?.some(({ refused }: { refused?: number }) => refused === 429);
    if (isFull) setFullTimer(AGAIN_MS * (1 + outside.random()), () => connection.want(true));
  }

  function gather(): void {
    if (!gathers) outside.after(GATHER_MS, follow);
    gathers = true;
  }

  function follow(): void {
    gathers = false;
    const all = new Set([...shown, ...tabs.all]);
    for (const id of all) boardOf(id);
    for (const [id, { endedBy, restart }] of boards) {
      if (!all.has(id)) boards.delete(id);
      // There may be room again.
      else if (endedBy === 'TB_LIMIT_REACHED' && tabs.isLeading && wanted().length < MOST_BOARDS) restart();
    }
    connection.want();
  }

  /** Of these, what has ended. */
  function askAgain(some: BoardOfPage[]): void {
    for (const { restart } of some) if (restart()) connection.want(true);
  }

  const wanted = () => tabs.all.filter((id) => !boardOf(id).endedBy);

  const connection = createConnection({
    outside,
    url,
    withCredentials: options.credentials === 'include',
    request,
    ticket: options.ticket,
    wanted,
    cursorOf: (id) => boardOf(id).cursor,
    onFrame,
    onStatus: changeStatus,
    onEnd(ids, reason) {
      for (const boardId of ids) onFrame({ event: 'close', data: { boardId, reason, retry: false } });
      gather();
    },
  });

  const tabs = createTabs({
    outside,
    boards: () => [...shown],
    needed: (all) => [...shown].filter((id) => boardOf(id).isNeeded(all)),
    onLead(isLeading) {
      isComplete = true;
      // Who leads no longer lets go at once: the page may be about to freeze.
      if (isLeading) gather();
      else connection.want();
    },
    onBoards: gather,
    onNeed(ids, to) {
      const needed = ids.map(boardOf);
      askAgain(needed);
      // What is not known yet comes as a snapshot, to all.
      tell(
        needed.flatMap(({ toldAnew }) => toldAnew),
        to,
      );
    },
    onTold(word) {
      const told = word as Told;
      for (const frame of told.frames) apply(frame);
      setStatus(told.status);
      isComplete ||= told.isComplete;
      if (isComplete) connection.cursor = told.cursor;
    },
    onHole() {
      isComplete = false;
      connection.cursor = '';
    },
    onWake: () => status.name !== 'live' && connection.send('wake'),
  });

  /** Finds out with whom the stream may be shared, however long it takes. */
  async function enter(): Promise<void> {
    // Closed, for good.
    if (status.name === 'ended') return;
    attempt += 1;
    const current = attempt;
    for (let failures = 0; ; failures += 1) {
      await bar;
      if (current !== attempt) return;
      bar = pause(LEAST_MS_BETWEEN);
      const hung = new AbortController();
      outside.after(HANG_MS, () => hung.abort());
      const group = await findGroup(options, outside, request, hung.signal).catch(readAnswer);
      if (current !== attempt) return;
      if (typeof group === 'string') return tabs.enter(group);
      changeStatus('offline', group.reason);
      bar = pause(group.retryAfterMs || LEAST_MS_BETWEEN);
      await pause(backoffMs(failures, outside.random()));
    }
  }

  function leave(): void {
    attempt += 1;
    tabs.leave();
    // There is no stream, however it goes on.
    changeStatus('connecting');
  }

  function wake(): void {
    // It may be another user now.
    if (status.name === 'signed-out') leave();
    if (!tabs.isPresent) void enter();
    else if (tabs.isLeading) connection.send('wake');
    else tabs.ask(false, true);
  }

  const stopListening = outside.onPage(({ type, persisted }) => {
    if (/pagehide|freeze/.test(type)) leave();
    else if (type === 'resume' || persisted) void enter();
    else if (type === 'online') wake();
    else if (outside.isHidden()) hiddenAt = outside.now();
    // What the stream of one that leads is worth now, nobody knows.
    else if (outside.now() - hiddenAt > HEARTBEAT_MS) wake();
  });

  const self: Live = {
    url,
    outside,
    request,
    get status() {
      return status;
    },
    onStatus: onStatus.add,
    board(name) {
      const id = name.toLowerCase();
      if (!shown.has(id)) {
        shown.add(id);
        // Access may have come back.
        askAgain([boardOf(id)]);
        tabs.tellBoards();
      }
      return boardOf(id).self;
    },
    leave(id) {
      shown.delete(id.toLowerCase());
      tabs.tellBoards();
      gather();
    },
    retry() {
      askAgain([...boards.values()]);
      wake();
    },
    close() {
      leave();
      stopListening();
      connection.send('stop');
    },
  };

  options.boards?.forEach(self.board);
  for (const data of options.snapshots ?? []) boardOf(data.board.id).apply({ event: 'snapshot', data });
  void enter();
  return self;
}
