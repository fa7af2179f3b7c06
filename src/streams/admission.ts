// Whether a request gets a stream: a place, access that holds, and what the log says now. Nothing is sent yet.

import { endedMeanwhile } from '../accounts/challenge.ts';
import { notFound, Problem } from '../errors.ts';
import type { LogExtent } from '../events/event-log.ts';
import type { Access, Grant } from './access.ts';
import type { AccessWatch } from './access-watch.ts';
import type { Hub } from './hub.ts';
import type { HubBoard } from './hub-board.ts';
import type { BoardPlace, Places } from './places.ts';
import type { Snapshot } from './stream.ts';
import type { StreamLimits, StreamRefusal } from './stream-limits.ts';

const RETRY_AFTER_SECONDS = 10;

export interface AdmissionOptions {
  hub: Hub;
  limits: StreamLimits;
  accessWatch: AccessWatch;
  places: Places;
}

export interface AdmissionRequest {
  userId: string;
  boardId: string;
  /** The address of a user whose account anybody could have made just now. */
  newcomersOf: string | undefined;
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
  /** Of the database, and of all that follows. */
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
  const { hub, limits, accessWatch, places } = options;
  const { userId, boardId, newcomersOf } = request;
  const giveBack = limits.take(userId, boardId, newcomersOf);
  // Who may not see the board does not learn that it is full.
  if (typeof giveBack === 'string') throw (await places.of(userId, boardId)).isMember ? refuse(giveBack) : notFound();
  // From here on the end of the grant is heard. What has ended it before is looked up beside all the rest.
  const access = accessWatch.admit(request.grant);
  const confirmed = access.confirm();
  // It is awaited below, unless something else fails first.
  confirmed.catch(() => {});
  const release = () => {
    access.release();
    giveBack();
  };
  // One question, asked after the hub has taken hold of the board: a removal that the answer does not see has a later
  // seq, and ends the stream when the stream gets there. It also decides about a cursor that is ahead of this node.
  const { board, answer } = await hub
    .attach(boardId, () => places.of(userId, boardId))
    .catch((error) => {
      release();
      throw error;
    });
  let snapshot: Snapshot | undefined;
  const giveUp = () => {
    snapshot?.release();
    release();
  };
  try {
    if (!answer.isMember) throw notFound();
    // The cursor may come from a node that reads faster.
    if (request.lastEventId !== undefined) hub.wake(boardId, answer.head);
    if (request.lastEventId === undefined) snapshot = await request.readSnapshot?.();
    if (snapshot) hub.learnEpoch(snapshot.epoch);
    await confirmed;
    if (access.ended) throw endedMeanwhile();
  } catch (error) {
    giveUp();
    hub.dismiss(board);
    throw error;
  }
  const cancel = () => {
    giveUp();
    hub.release(board);
  };
  return { board, access, ...placeOf(answer), snapshot, release, cancel };
}

function placeOf({ epoch, head, trimmedTo }: BoardPlace): Pick<Admission, 'epoch' | 'extent' | 'admittedAt'> {
  return { epoch, extent: { head, trimmedTo }, admittedAt: head };
}

/** Of one user, who can close some of them: 429. Of a full node, board or address, where waiting helps: see the route. */
function refuse(refusal: StreamRefusal): Problem {
  if (refusal !== 'user') return new Problem('TB_UNAVAILABLE', `This ${refusal} has as many streams as it can take.`);
  return new Problem('TB_TOO_MANY_STREAMS', 'Close some of your streams first.', {
    headers: { 'retry-after': String(RETRY_AFTER_SECONDS) },
  });
}
