// From a request that may see the board to an open stream.

import type { OutgoingHttpHeaders } from 'node:http';
import { createSession } from 'better-sse';
import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify';
import { uuidv7 } from 'uuidv7';
import type { LoggedFailures } from '../background/failures.ts';
import type { WaitingBytes } from '../output/waiting-bytes.ts';
import { type Admission, type AdmissionOptions, type AdmissionRequest, admit } from './admission.ts';
import { closeFrame } from './frame.ts';
import type { OpenStreams } from './open-streams.ts';
import { planOpening } from './opening.ts';
import { SseConnection } from './sse-connection.ts';
import { type Snapshot, Stream } from './stream.ts';

export interface StreamOpenerOptions extends AdmissionOptions {
  openStreams: OpenStreams;
  waitingBytes: WaitingBytes;
  heartbeatSeconds: number;
  /** @returns undefined when the user may not see the board */
  readSnapshot: (userId: string, boardId: string) => Promise<Snapshot | undefined>;
  /** Of the resets of all streams. */
  resetFailures: LoggedFailures;
}

export interface StreamRequest extends Omit<AdmissionRequest, 'readSnapshot'> {
  wantsSnapshot: boolean;
}

/**
 * Takes the reply over and opens a stream on it. Everything that can still be an ordinary answer comes before: once
 * the head has gone, only frames can say anything.
 *
 * @throws what {@link admit} throws
 */
export async function openStream(
  options: StreamOpenerOptions,
  { wantsSnapshot, ...wanted }: StreamRequest,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const { userId, boardId } = wanted;
  const readSnapshot = wantsSnapshot ? () => options.readSnapshot(userId, boardId) : undefined;
  const admissionRequest = { ...wanted, readSnapshot };
  const admission = await admit(options, admissionRequest);
  let opened = false;
  try {
    const connection = await takeOver(request, reply, options.waitingBytes);
    if (!connection) return;
    const { ended } = admission.access;
    if (ended) return connection.end(closeFrame(ended));
    opened = true;
    startStream(options, admissionRequest, admission, connection, request.log);
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
  { hub, openStreams, heartbeatSeconds, places, resetFailures }: StreamOpenerOptions,
  { userId, boardId, lastEventId, readSnapshot }: AdmissionRequest,
  { board, access, epoch, extent, admittedAt, snapshot, release }: Admission,
  connection: SseConnection,
  log: FastifyBaseLogger,
): void {
  const id = uuidv7();
  const ownFailures = resetFailures.of(id);
  const stream: Stream = new Stream({
    id,
    userId,
    connection,
    hub,
    board,
    admittedAt,
    heartbeatSeconds,
    readMembership: () => places.membershipOf(userId, boardId),
    readSnapshot,
    resetFailures: ownFailures,
    onEnd: (reason, error) => {
      if (error) log.error({ err: error, streamId: id }, 'stream failed');
      // What has ended waits for no reset any more.
      ownFailures.worked();
      release();
      openStreams.delete(stream, reason);
    },
  });
  openStreams.add(stream);
  // A change of history is noticed here or by the board, which may still be in the one before: then nothing of what was
  // read is of use, and what `ready` names is a place of that one.
  if (hub.epoch !== epoch || board.epoch !== epoch) {
    snapshot?.release();
    stream.open({ position: board.head, reset: 'epoch' });
  } else {
    stream.open(planOpening(lastEventId, { epoch, boardId }, extent), snapshot);
  }
  access.onEnd((reason) => stream.close(reason));
  // The drain has closed the open streams while this one was on its way.
  if (openStreams.isDraining) stream.close('busy');
}
