// From a request that may see its boards to an open stream.

import type { OutgoingHttpHeaders } from 'node:http';
import { createSession } from 'better-sse';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { uuidv7 } from 'uuidv7';
import type { Access } from '../../access/access.ts';
import type { Reader } from '../../access/claims.ts';
import type { LoggedFailures } from '../../background/failures.ts';
import type { WaitingBytes } from '../../output/waiting-bytes.ts';
import type { FollowerOptions, Opening } from '../follower-options.ts';
import type { OpenStreams } from '../open-streams.ts';
import { type ManyBoards, Stream } from '../stream.ts';
import type { KeptPlaces } from '../vector-ids.ts';
import { closeFrame } from '../wire/frame.ts';
import type { SnapshotReader } from '../wire/snapshot-frame.ts';
import { SseConnection } from '../wire/sse-connection.ts';
import {
  type Admission,
  type AdmissionOptions,
  type AdmissionRequest,
  type AdmittedBoard,
  admit,
  isAdmitted,
} from './admission.ts';
import type { BoardPlace } from './places.ts';
import { type LastPlaces, planOneOfMany, planOpening, readLastPlaces } from './start-place.ts';

export interface StreamOpenerOptions extends AdmissionOptions {
  openStreams: OpenStreams;
  waitingBytes: WaitingBytes;
  heartbeatSeconds: number;
  /** @returns undefined when the user may not see the board */
  readSnapshot: (reader: Reader, boardId: string) => Promise<SnapshotReader | undefined>;
  /** Of the resets of all streams. */
  resetFailures: LoggedFailures;
}

export interface StreamRequest extends Omit<AdmissionRequest, 'boardIds' | 'isReturning' | 'readSnapshot'> {
  /** By board, where the client was as the request says; undefined: nothing is said. One that is none of many has one. */
  boards: ReadonlyMap<string, string | undefined>;
  /** Whether it is a stream of many boards, however few it names. */
  isMany: boolean;
  /** By the id of a board that the client names by its key: `~<key>`. */
  names: ReadonlyMap<string, string>;
  /** What the client sent as its last event's id, checked by nobody yet. */
  lastEventId: string | undefined;
  wantsSnapshot: boolean;
}

interface Wanted extends StreamRequest {
  /** Of a stream of many boards. */
  last: LastPlaces;
}

/**
 * Takes the reply over and opens a stream on it. Everything that can still be an ordinary answer comes before: once
 * the head has gone, only frames can say anything.
 *
 * @throws what {@link admit} throws
 */
export async function openStream(
  options: StreamOpenerOptions,
  wanted: StreamRequest,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const { userId, boards, isMany, lastEventId, wantsSnapshot } = wanted;
  const last = isMany ? readLastPlaces(lastEventId) : undefined;
  const boardIds = [...boards.keys()];
  const [first = ''] = boardIds;
  const admission = await admit(options, {
    ...wanted,
    boardIds,
    isReturning: lastEventId !== undefined || [...boards.values()].some((cursor) => cursor !== undefined),
    // Those of many boards are read one by one, by the stream itself: together they would not fit anywhere.
    readSnapshot:
      wantsSnapshot && !isMany ? () => options.readSnapshot({ userId, claims: wanted.grant.claims }, first) : undefined,
  });
  let opened = false;
  try {
    const connection = await takeOver(request, reply, options.waitingBytes);
    if (!connection) return;
    const { ended } = admission.access;
    if (ended) return connection.end(closeFrame(ended));
    opened = true;
    startStream(options, { ...wanted, last }, admission, connection, request);
  } catch (error) {
    // Nobody else ends a reply that was taken over.
    reply.raw.destroy();
    throw error;
  } finally {
    if (!opened) admission.cancel();
  }
}

/** Sends the head. @returns undefined when the client has left */
async function takeOver(
  request: FastifyRequest,
  reply: FastifyReply,
  waitingBytes: WaitingBytes,
): Promise<SseConnection | undefined> {
  reply.hijack();
  const headers = reply.getHeaders() as OutgoingHttpHeaders;
  const connection = new SseConnection(request.raw, reply.raw, headers, waitingBytes);
  // better-sse never hears of a client that left before the session was made, and would keep it for ever.
  if (connection.gone.aborted) return undefined;
  await createSession(connection, {
    // A frame of its own; the first frame of the stream carries it.
    retry: null,
    keepAlive: null,
    trustClientEventId: false,
  });
  // It may also have left between the two, which better-sse takes for a connected session.
  return connection.gone.aborted ? undefined : connection;
}

/** In one tick with the last look at what the stream goes by, so that no change of it is missed. */
function startStream(
  options: StreamOpenerOptions,
  wanted: Wanted,
  { access, boards, snapshot, release }: Admission,
  connection: SseConnection,
  { id: requestId, log }: Pick<FastifyRequest, 'id' | 'log'>,
): void {
  const { openStreams, heartbeatSeconds, resetFailures } = options;
  const id = uuidv7();
  const admitted = new Map(boards.filter(isAdmitted).map((board) => [board.boardId, board]));
  const asked = boards.map((board) =>
    isAdmitted(board)
      ? {
          boardId: board.boardId,
          key: wanted.names.get(board.boardId)?.slice(1),
          opening: openingOf(board, options, wanted),
        }
      : // Who may not see it is not told its id.
        { boardId: wanted.names.get(board.boardId) ?? board.boardId, refused: board.refused },
  );
  const failuresOf = (boardId: string) => resetFailures.of(`${id} ${boardId}`);
  const end = (boardId: string) => {
    // What has ended waits for no reset any more.
    failuresOf(boardId).worked();
    admitted.get(boardId)?.release();
  };
  const stream: Stream = new Stream({
    id,
    userId: wanted.userId,
    requestId,
    connection,
    boards: [...admitted.values()].map((board) =>
      followerOf(board, options, wanted, access, failuresOf(board.boardId)),
    ),
    many: wanted.isMany ? manyOf(boards, options, wanted) : undefined,
    heartbeatSeconds,
    onLeave: (follower, reason) => {
      end(follower.boardId);
      openStreams.leave(follower, reason);
    },
    onEnd: (reason, error) => {
      if (error) log.error({ err: error, streamId: id }, 'stream failed');
      for (const boardId of admitted.keys()) end(boardId);
      release();
      openStreams.delete(stream, reason);
    },
  });
  openStreams.add(stream);
  if (wanted.isMany) {
    stream.openMany(asked);
  } else {
    const [only] = asked;
    const opening = only && 'opening' in only ? only.opening : undefined;
    if (opening?.reset) snapshot?.release();
    if (opening) stream.open(opening, opening.reset ? undefined : snapshot);
  }
  access.onEnd((reason) => stream.close(reason));
  access.onClaims(() => stream.confirm());
  // What the application says may have changed while this one was on its way.
  if (access.claims?.json !== wanted.grant.claims?.json) stream.confirm();
  // The drain has closed the open streams while this one was on its way.
  if (openStreams.isDraining) stream.close('busy', openStreams.retryMs);
}

function followerOf(
  { boardId, board, answer }: AdmittedBoard,
  { hub, places, readSnapshot }: StreamOpenerOptions,
  { userId, wantsSnapshot }: StreamRequest,
  access: Access,
  resetFailures: FollowerOptions['resetFailures'],
): FollowerOptions {
  const reader = () => ({ userId, claims: access.claims });
  return {
    hub,
    board,
    admitted: { seq: answer.head, epoch: answer.epoch, number: answer.number, isClaimed: answer.isClaimed },
    readMembership: () => places.membershipOf(reader(), boardId),
    readSnapshot: wantsSnapshot ? () => readSnapshot(reader(), boardId) : undefined,
    resetFailures,
  };
}

function openingOf({ boardId, board, answer }: AdmittedBoard, { hub }: StreamOpenerOptions, wanted: Wanted): Opening {
  // A change of history is noticed here or by the board, which may still be in the one before: then nothing of what was
  // read is of use, and what `ready` names is a place of that one.
  if (hub.epoch !== answer.epoch || board.epoch !== answer.epoch) return { position: board.head, reset: 'epoch' };
  return plan(boardId, answer, wanted);
}

function plan(boardId: string, { epoch, head, trimmedTo, number }: BoardPlace, wanted: Wanted): Opening {
  const { boards, isMany, last, lastEventId, wantsSnapshot } = wanted;
  const history = { epoch, boardId };
  const extent = { head, trimmedTo };
  if (!isMany) return planOpening(lastEventId, history, extent);
  const opening = planOneOfMany({ last, cursor: boards.get(boardId), number }, history, extent);
  const isNew = opening.resumedFrom === undefined && opening.reset === undefined;
  return isNew && wantsSnapshot ? { ...opening, startsWithSnapshot: true } : opening;
}

/** Where the client was on a board that is full, it goes on when it comes back and there is room. */
function manyOf(boards: Admission['boards'], { hub }: StreamOpenerOptions, wanted: Wanted): ManyBoards {
  const kept: KeptPlaces = { epoch: hub.epoch, places: [] };
  for (const board of boards) {
    if (isAdmitted(board) || !board.answer || board.answer.number === null) continue;
    const { number } = board.answer;
    if (board.answer.epoch !== kept.epoch) kept.epoch = '';
    const { position, resumedFrom, reset } = plan(board.boardId, board.answer, wanted);
    if (resumedFrom !== undefined || reset !== undefined)
      kept.places.push({ number, seq: reset ? undefined : position });
  }
  return { history: hub, kept };
}
