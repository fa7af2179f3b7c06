// From a request that may see the board to an open stream.

import type { OutgoingHttpHeaders } from 'node:http';
import { createSession } from 'better-sse';
import type { FastifyReply, FastifyRequest } from 'fastify';
import pLimit from 'p-limit';
import { uuidv7 } from 'uuidv7';
import { endedMeanwhile } from '../accounts/challenge.ts';
import { notFound, Problem } from '../errors.ts';
import { parseCursor } from '../events/cursor.ts';
import type { LogExtent } from '../events/event-log.ts';
import type { Grant } from './access.ts';
import type { AccessWatch } from './access-watch.ts';
import { drawRetryMs, openingRetryMs } from './close-reason.ts';
import { closeFrame } from './frame.ts';
import type { Hub } from './hub.ts';
import type { HubBoard } from './hub-board.ts';
import type { OpenStreams } from './open-streams.ts';
import { planOpening } from './opening.ts';
import { SseConnection } from './sse-connection.ts';
import { type Snapshot, Stream } from './stream.ts';
import type { StreamLimits, StreamRefusal } from './stream-limits.ts';
import type { WaitingBytes } from './waiting-bytes.ts';

const RETRY_AFTER_SECONDS = 10;
/**
 * A failover resets all streams of a node in one instant. What they then ask of the database at a time, so that writes
 * find a connection in between.
 */
const lookups = pLimit(4);

export interface StreamOpenerOptions {
  hub: Hub;
  openStreams: OpenStreams;
  limits: StreamLimits;
  accessWatch: AccessWatch;
  waitingBytes: WaitingBytes;
  heartbeatSeconds: number;
  /** Whether the user may see the board now. */
  maySee: (userId: string, boardId: string) => Promise<boolean>;
  /** @returns undefined when the user may not see the board */
  readSnapshot: (userId: string, boardId: string) => Promise<Snapshot | undefined>;
}

export interface StreamRequest {
  userId: string;
  boardId: string;
  /** What it came with. */
  grant: Grant;
  /** What the client sent as its last event's id, checked by nobody yet. */
  lastEventId: string | undefined;
  wantsSnapshot: boolean;
}

/**
 * Takes the reply over and opens a stream on it. Everything that can still be an ordinary answer comes before: once
 * the head has gone, only frames can say anything.
 *
 * @throws Problem TB_UNAUTHENTICATED, TB_NOT_FOUND, TB_TOO_MANY_STREAMS or (this node is full) TB_UNAVAILABLE; the error
 *   of the database when it is away
 */
export async function openStream(
  options: StreamOpenerOptions,
  { userId, boardId, grant, lastEventId, wantsSnapshot }: StreamRequest,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const { hub, openStreams, limits, heartbeatSeconds } = options;
  const readSnapshot = wantsSnapshot ? () => lookups(options.readSnapshot, userId, boardId) : undefined;
  const giveBack = limits.take(userId, boardId);
  if (typeof giveBack === 'string') throw refuse(giveBack);
  // From here on the end of the grant is heard. What has ended it before is looked up beside all the rest.
  const access = options.accessWatch.admit(grant);
  const confirmed = access.confirm();
  // It is awaited below, unless something else fails first.
  confirmed.catch(() => {});
  const letGo = () => {
    access.release();
    giveBack();
  };
  const board = await hub.attach(boardId).catch((error) => {
    letGo();
    throw error;
  });
  let opened = false;
  try {
    const { epoch } = hub;
    const extent = await readExtent(hub, board, lastEventId);
    // After the head was read: a removal that this look-up does not see has a later seq, and ends the stream when the
    // stream gets there. Looked up before, a removal in between would be seen by nobody.
    if (!(await options.maySee(userId, boardId))) throw notFound();
    const snapshot = lastEventId === undefined ? await readSnapshot?.() : undefined;
    if (snapshot) hub.learnEpoch(snapshot.epoch);
    await confirmed;
    if (access.ended) throw endedMeanwhile();

    reply.hijack();
    const headers = reply.getHeaders() as OutgoingHttpHeaders;
    const connection = new SseConnection(request.raw, reply.raw, headers, options.waitingBytes);
    // better-sse never hears of a client that left before the session was made, and would keep it for ever.
    if (connection.gone.aborted) return;
    await createSession(connection, {
      retry: drawRetryMs(openingRetryMs),
      keepAlive: null,
      trustClientEventId: false,
    });
    // It may also have left between the two, which better-sse takes for a connected session.
    if (connection.gone.aborted) return;
    if (access.ended) {
      connection.end(closeFrame(access.ended));
      return;
    }

    const stream: Stream = new Stream({
      id: uuidv7(),
      userId,
      connection,
      hub,
      board,
      admittedAt: extent.head,
      heartbeatSeconds,
      maySee: () => lookups(options.maySee, userId, boardId),
      readSnapshot,
      onEnd: (reason, error) => {
        if (error) request.log.error({ err: error, streamId: stream.id }, 'stream failed');
        letGo();
        openStreams.delete(stream, reason);
      },
    });
    opened = true;
    openStreams.add(stream);
    // In the tick in which the stream joins its board: a change of history is noticed here or by the board.
    if (hub.epoch !== epoch) stream.open({ position: board.head, reset: 'epoch' });
    else stream.open(planOpening(lastEventId, epoch, extent), snapshot);
    access.onEnd((reason) => stream.close(reason));
    // The drain has closed the open streams while this one was on its way.
    if (openStreams.isDraining) stream.close('busy');
  } catch (error) {
    // Nobody else ends a reply that was taken over.
    if (reply.sent) reply.raw.destroy();
    throw error;
  } finally {
    if (!opened) {
      hub.release(board);
      letGo();
    }
  }
}

/** Of one user, who can close some of them: 429. Of a full node or board, where waiting helps: see the route. */
function refuse(refusal: StreamRefusal): Problem {
  if (refusal !== 'user') return new Problem('TB_UNAVAILABLE', `This ${refusal} has as many streams as it can take.`);
  return new Problem('TB_TOO_MANY_STREAMS', 'Close some of your streams first.', {
    headers: { 'retry-after': String(RETRY_AFTER_SECONDS) },
  });
}

/** A cursor that is ahead of this node may come from one that reads faster, so the database decides about it. */
async function readExtent(hub: Hub, board: HubBoard, lastEventId: string | undefined): Promise<LogExtent> {
  if (lastEventId === undefined || !parseCursor(lastEventId)) return { head: board.head, trimmedTo: 0 };
  return hub.readExtent(board);
}
