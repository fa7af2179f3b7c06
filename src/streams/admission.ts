// Whether a request gets a stream: a place, access that holds, and what the log says now. Nothing is sent yet.

import { endedMeanwhile } from '../accounts/challenge.ts';
import { notFound, Problem } from '../errors.ts';
import { parseCursor } from '../events/cursor.ts';
import type { LogExtent } from '../events/event-log.ts';
import type { Access, Grant } from './access.ts';
import type { AccessWatch } from './access-watch.ts';
import type { Hub } from './hub.ts';
import type { HubBoard } from './hub-board.ts';
import type { Membership, Snapshot } from './stream.ts';
import type { StreamLimits, StreamRefusal } from './stream-limits.ts';

const RETRY_AFTER_SECONDS = 10;

export interface AdmissionOptions {
  hub: Hub;
  limits: StreamLimits;
  accessWatch: AccessWatch;
  /** @returns undefined when the user may not see the board */
  readMembership: (userId: string, boardId: string) => Promise<Membership | undefined>;
}

export interface AdmissionRequest {
  userId: string;
  boardId: string;
  /** What it came with. */
  grant: Grant;
  /** What the client sent as its last event's id, checked by nobody yet. */
  lastEventId: string | undefined;
  /** Set when the stream may begin with a snapshot. */
  readSnapshot: (() => Promise<Snapshot | undefined>) | undefined;
}

/** What a stream can be opened with. */
export interface Admission {
  /** Held until it is given back to the hub, by the stream or by {@link cancel}. */
  board: HubBoard;
  access: Access;
  /** Of the database, before anything was read. */
  epoch: string;
  extent: LogExtent;
  /** The place in the log as of which the user was a member. */
  admittedAt: number;
  snapshot: Snapshot | undefined;
  /** Gives the place and the access back; more calls do nothing. */
  release: () => void;
  /** The same with the board and the snapshot, for a stream that did not come about. */
  cancel: () => void;
}

/**
 * @throws Problem TB_UNAUTHENTICATED, TB_NOT_FOUND, TB_TOO_MANY_STREAMS or (this node is full) TB_UNAVAILABLE; the error
 *   of the database when it is away
 */
export async function admit(options: AdmissionOptions, request: AdmissionRequest): Promise<Admission> {
  const { hub, limits, accessWatch } = options;
  const giveBack = limits.take(request.userId, request.boardId);
  if (typeof giveBack === 'string') throw refuse(giveBack);
  // From here on the end of the grant is heard. What has ended it before is looked up beside all the rest.
  const access = accessWatch.admit(request.grant);
  const confirmed = access.confirm();
  // It is awaited below, unless something else fails first.
  confirmed.catch(() => {});
  const release = () => {
    access.release();
    giveBack();
  };
  const board = await hub.attach(request.boardId).catch((error) => {
    release();
    throw error;
  });
  let found: Awaited<ReturnType<typeof lookUp>> | undefined;
  const cancel = () => {
    found?.snapshot?.release();
    hub.release(board);
    release();
  };
  try {
    const { epoch } = hub;
    found = await lookUp(options, request, board);
    await confirmed;
    if (access.ended) throw endedMeanwhile();
    return { board, access, epoch, ...found, release, cancel };
  } catch (error) {
    cancel();
    throw error;
  }
}

async function lookUp(
  { hub, readMembership }: AdmissionOptions,
  { userId, boardId, lastEventId, readSnapshot }: AdmissionRequest,
  board: HubBoard,
): Promise<Pick<Admission, 'extent' | 'admittedAt' | 'snapshot'>> {
  const extent = await readExtent(hub, board, lastEventId);
  // After the hub has taken hold of the board: a removal that this look-up does not see has a later seq, and ends the
  // stream when the stream gets there.
  const membership = await readMembership(userId, boardId);
  if (!membership) throw notFound();
  hub.learnEpoch(membership.epoch);
  const snapshot = lastEventId === undefined ? await readSnapshot?.() : undefined;
  if (snapshot) hub.learnEpoch(snapshot.epoch);
  return { extent, admittedAt: membership.seq, snapshot };
}

/** A cursor that is ahead of this node may come from one that reads faster, so the database decides about it. */
async function readExtent(hub: Hub, board: HubBoard, lastEventId: string | undefined): Promise<LogExtent> {
  if (lastEventId === undefined || !parseCursor(lastEventId)) return { head: board.head, trimmedTo: 0 };
  return hub.readExtent(board);
}

/** Of one user, who can close some of them: 429. Of a full node or board, where waiting helps: see the route. */
function refuse(refusal: StreamRefusal): Problem {
  if (refusal !== 'user') return new Problem('TB_UNAVAILABLE', `This ${refusal} has as many streams as it can take.`);
  return new Problem('TB_TOO_MANY_STREAMS', 'Close some of your streams first.', {
    headers: { 'retry-after': String(RETRY_AFTER_SECONDS) },
  });
}
