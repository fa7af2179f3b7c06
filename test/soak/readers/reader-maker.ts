// Readers of all kinds, every other one on a stream of many boards.

import type { Figures } from '../figures.ts';
import type { Random } from '../random.ts';
import type { Auditor } from '../rules/auditor.ts';
import type { EventRecord } from '../rules/event-record.ts';
import type { Ledger } from '../rules/ledger.ts';
import type { Violations } from '../violations.ts';
import { isBulky, isBusy, isStill, type SoakBoard, type SoakUser } from '../world/boards.ts';
import type { ClientProxy, ProxyFault } from '../world/client-proxy.ts';
import type { SoakNode } from '../world/soak-node.ts';
import { ManyBoards } from './many-boards.ts';
import { Notes } from './notes.ts';
import { OneBoard } from './one-board.ts';
import type { OpenStreams } from './open-streams.ts';
import { Reader } from './reader.ts';
import type { ReaderKind } from './reader-kinds.ts';

export interface Surroundings {
  boards: SoakBoard[];
  /** Those that have been made so far. */
  readers: Reader[];
  nodes: SoakNode[];
  proxies: Record<ProxyFault, ClientProxy[]>;
  record: EventRecord;
  auditor: Auditor;
  ledger: Ledger;
  openStreams: OpenStreams;
  violations: Violations;
  figures: Figures;
}

interface OwnReaderOptions {
  name: string;
  kind: ReaderKind;
  user: SoakUser;
  random: Random;
}

export function createReader(surroundings: Surroundings, board: SoakBoard, own: OwnReaderOptions): Reader {
  const { boards, readers, nodes, proxies, ledger, figures, violations, ...rest } = surroundings;
  const { kind, user, random } = own;
  const isMany = readers.filter((reader) => reader.kind === kind).length % 2 === 1;
  const name = `${kind} ${own.name} of ${board.name}${isMany ? ' and others' : ''}`;
  const onChanged = (boardId: string, mutationId: string | undefined) => {
    const mutation = kind === 'fast' ? ledger.find(mutationId) : undefined;
    if (!mutation) return;
    figures.delivered(isMany ? 'many' : 'one', mutation);
    if (boardId === board.id) figures.recovery.delivered(name, mutation.startedAt, performance.now());
  };
  const borrowCursor = (boardId: string) => {
    const others = readers.map(({ subscription }) => subscription.home).filter((home) => home.boardId !== boardId);
    return others.length === 0 ? undefined : random.pick(others).cursor;
  };
  const options = {
    ...{ ...rest, ledger, figures, violations, name, random, boardId: board.id, userId: user.id },
    ...{ access: { headers: { cookie: user.cookie } }, wantsSnapshot: kind === 'snapshot' },
    ...{ borrowCursor, onChanged, notes: new Notes() },
  };
  const subscription = isMany
    ? new ManyBoards({ ...options, ...drawOthers(boards, board, own) })
    : new OneBoard(options);
  const isOnBusyBoard = isBusy(board);
  return new Reader({ name, kind, subscription, isOnBusyBoard, nodes, proxies, random, violations, figures });
}

/** How many boards a stream has at most, its own among them. */
const LIST_SIZES = [2, 3, 5, 8, 20];
/** To readers to whom 4 KB come in a second. */
const NARROW: ReaderKind[] = ['byte by byte', 'slow'];

/** What somebody reads beside the own board: much of what is still, some of what is lively, and one busy board mostly. */
function drawOthers(boards: SoakBoard[], own: SoakBoard, { kind, random }: OwnReaderOptions) {
  const ids = (fits: (board: SoakBoard) => boolean) =>
    boards.filter((board) => board !== own && fits(board)).map(({ id }) => id);
  const still = ids(isStill);
  if (NARROW.includes(kind)) return { others: still, most: 4 };
  const lively = ids((board) => !isBusy(board) && !isStill(board));
  const busy = ids((board) => isBusy(board) && !isBulky(board));
  return { others: [...still, ...lively, random.pick(busy)], most: random.pick(LIST_SIZES) };
}
