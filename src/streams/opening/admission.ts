// Whether a request gets a stream: a place, access that holds, and what the log says now. Nothing is sent yet.

import type { Access } from '../../access/access.ts';
import type { AccessWatch } from '../../access/access-watch.ts';
import type { Grant } from '../../access/grant.ts';
import { endedMeanwhile } from '../../accounts/challenge.ts';
import { notFound, Problem } from '../../problems/problem.ts';
import type { Hub } from '../fan-out/hub.ts';
import type { HubBoard } from '../fan-out/hub-board.ts';
import type { SnapshotReader } from '../wire/snapshot-frame.ts';
import type { BoardPlace, Places } from './places.ts';
import { once, type StreamLimits, type StreamRefusal } from './stream-limits.ts';

const RETRY_AFTER_SECONDS = 10;

export interface AdmissionOptions {
  hub: Hub;
  limits: StreamLimits;
  accessWatch: AccessWatch;
  places: Places;
}

export interface AdmissionRequest {
  userId: string;
  /** Different ones, not empty. */
  boardIds: string[];
  /** The address of a user whose account anybody could have made just now. */
  newcomersOf: string | undefined;
  /** What it came with. */
  grant: Grant;
  /** Whether a board may be followed by what the request came with, as far as that is known without asking. */
  opens: (boardId: string) => boolean;
  /** Whether the client was there before. */
  isReturning: boolean;
  /** Set when the stream begins with a snapshot of its one board. */
  readSnapshot: (() => Promise<SnapshotReader | undefined>) | undefined;
}

export interface AdmittedBoard {
  boardId: string;
  /** Held until it is given back to the hub, by the follower or by {@link Admission.cancel}. */
  board: HubBoard;
  answer: BoardPlace;
  /** Gives the place on the board back; more calls do nothing. */
  release: () => void;
}

export interface RefusedBoard {
  boardId: string;
  refused: 404 | 429;
  /** What was found out of a board that the user may see. */
  answer?: BoardPlace;
}

/** What a stream can be opened with. */
export interface Admission {
  access: Access;
  /** In the order of the request; one of them at least is admitted. */
  boards: Array<AdmittedBoard | RefusedBoard>;
  snapshot: SnapshotReader | undefined;
  /** Gives the places and the access back; more calls do nothing. */
  release: () => void;
  /** The same with the boards and the snapshot, for a stream that did not come about. */
  cancel: () => void;
}

export function isAdmitted(board: AdmittedBoard | RefusedBoard): board is AdmittedBoard {
  return 'board' in board;
}

/**
 * @throws Problem TB_UNAUTHENTICATED, TB_NOT_FOUND, TB_TOO_MANY_STREAMS or (this node, or the one board, is full)
 *   TB_UNAVAILABLE; the error of the database when it is away
 */
export async function admit(options: AdmissionOptions, request: AdmissionRequest): Promise<Admission> {
  const { hub, limits, accessWatch } = options;
  const held: Held = new Map(
    request.boardIds.filter(request.opens).map((boardId) => [boardId, limits.takeOn(boardId)]),
  );
  const giveBoardsBack = () => {
    for (const giveBack of held.values()) giveBack?.();
  };
  const free = [...held.values()].filter((giveBack) => giveBack !== undefined).length;
  // A full board first: that passes, and who has too many streams has to do something.
  const place = free === 0 ? 'board' : limits.take({ ...request, boards: free });
  if (typeof place === 'string') {
    giveBoardsBack();
    // Nothing is asked for who is refused whatever the boards are: the answer tells nothing of them.
    throw place === 'board' ? await refuseFull(options, request) : refuse(place, limits);
  }
  for (const [boardId, giveBack] of held) {
    if (!giveBack) continue;
    const giveBoth = () => {
      giveBack();
      place.releaseBoard();
    };
    held.set(boardId, once(giveBoth));
  }
  // From here on the end of the grant is heard. What has ended it before is looked up beside all the rest.
  const access = accessWatch.admit(request.grant);
  const confirmed = access.confirm();
  // It is awaited below, unless something else fails first.
  confirmed.catch(() => {});
  let boards: Admission['boards'] = [];
  let snapshot: SnapshotReader | undefined;
  const release = () => {
    access.release();
    place.release();
    giveBoardsBack();
  };
  const giveUp = (give: (board: HubBoard) => void) => {
    snapshot?.release();
    for (const board of boards) if (isAdmitted(board)) give(board.board);
    release();
  };
  try {
    boards = await askForAll(options, request, held);
    // Before anything is said of the boards: who is calling may have been found out a moment ago.
    await confirmed;
    if (access.ended) throw endedMeanwhile();
    if (!boards.some(isAdmitted)) throw boards.some(({ answer }) => answer) ? refuse('board', limits) : notFound();
    if (!request.isReturning) snapshot = await request.readSnapshot?.();
    if (snapshot) hub.learnEpoch(snapshot.epoch);
    if (access.ended) throw endedMeanwhile();
  } catch (error) {
    giveUp((board) => hub.dismiss(board));
    throw error;
  }
  return { access, boards, snapshot, release, cancel: () => giveUp((board) => hub.release(board)) };
}

/** What gives the place on each board back; undefined for a board that is full. */
type Held = Map<string, (() => void) | undefined>;

/** All at once: they share the questions. When one fails all are given back. */
async function askForAll(
  options: AdmissionOptions,
  request: AdmissionRequest,
  held: Held,
): Promise<Admission['boards']> {
  const asked = await Promise.allSettled(request.boardIds.map((boardId) => askFor(boardId, options, request, held)));
  const failed = asked.find((answer) => answer.status === 'rejected');
  const boards = asked.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  if (!failed) return boards;
  for (const { board } of boards.filter(isAdmitted)) options.hub.dismiss(board);
  throw failed.reason;
}

async function askFor(
  boardId: string,
  { hub, places }: AdmissionOptions,
  { userId, grant, boardIds, isReturning }: AdmissionRequest,
  held: Held,
): Promise<AdmittedBoard | RefusedBoard> {
  const release = held.get(boardId);
  const reader = { userId, claims: grant.claims };
  const refused = (): RefusedBoard => {
    release?.();
    return { boardId, refused: 404 };
  };
  if (!held.has(boardId)) return refused();
  // Anybody can make up ids of boards, and thousands of LISTENs keep those of others waiting: before many are sent it is
  // asked who may.
  if (!release || (boardIds.length > 1 && !hub.has(boardId))) {
    const answer = await places.of(reader, boardId);
    // Who may not see the board does not learn that it is full.
    if (!answer.maySee) return refused();
    if (!release) return { boardId, refused: 429, answer };
  }
  // Asked after the hub has taken hold of the board: a removal that the answer does not see has a later seq, and ends the
  // stream when the stream gets there. It also decides about a cursor that is ahead of this node.
  const { board, answer } = await hub.attach(boardId, () => places.of(reader, boardId));
  if (!answer.maySee) {
    hub.dismiss(board);
    return refused();
  }
  // The cursor may come from a node that reads faster.
  if (isReturning) hub.wake(boardId, answer.head);
  return { boardId, board, answer, release };
}

/** All are full. Who may see none of them does not learn it. */
async function refuseFull(
  { limits, places }: AdmissionOptions,
  { userId, grant, boardIds, opens }: AdmissionRequest,
): Promise<Problem> {
  const reader = { userId, claims: grant.claims };
  const asked = await Promise.all(boardIds.filter(opens).map((boardId) => places.of(reader, boardId)));
  return asked.some(({ maySee }) => maySee) ? refuse('board', limits) : notFound();
}

/** Of one user, who can close some of them: 429. Of a full node, board or address, where waiting helps: see the route. */
function refuse(refusal: StreamRefusal, limits: StreamLimits): Problem {
  limits.refused(refusal);
  if (refusal !== 'user') return new Problem('TB_UNAVAILABLE', `This ${refusal} has as many streams as it can take.`);
  const { streams, boards } = limits.perUser;
  const most = `${streams} streams open, and ${boards} boards on them`;
  return new Problem('TB_TOO_MANY_STREAMS', `You may have ${most}: close some of them first.`, {
    headers: { 'retry-after': String(RETRY_AFTER_SECONDS) },
  });
}
