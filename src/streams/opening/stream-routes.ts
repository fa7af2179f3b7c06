// GET /boards/:id/events and GET /events: the stream of one board or of many, or pages of the same logs.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Reader } from '../../access/claims.ts';
import { readerOf } from '../../accounts/caller.ts';
import type { User } from '../../accounts/user.ts';
import { LoggedFailures } from '../../background/failures.ts';
import { parseBoards } from '../../http/board-list.ts';
import { clientAddress, isKnownClient } from '../../http/client-address.ts';
import { sendProblem } from '../../http/problem-plugin.ts';
import { whatOf } from '../../http/request-fields.ts';
import { boardInput } from '../../http/schemas.ts';
import { notFound, Problem } from '../../problems/problem.ts';
import { closeFrame } from '../wire/frame.ts';
import { ManyStreamText, StreamText } from '../wire/frame-schemas.ts';
import { readEventPage } from './event-page.ts';
import { readManyEventPage } from './many-event-page.ts';
import { Places, type ReadPlaces } from './places.ts';
import { readLastPlaces } from './start-place.ts';
import { manyStreamDescription, streamDescription } from './stream-description.ts';
import { StreamLimits, type StreamLimitsOptions } from './stream-limits.ts';
import { openStream, type StreamOpenerOptions, type StreamRequest } from './stream-opener.ts';
import {
  JSON_TYPE,
  lastEventIdOf,
  ManyStreamQuery,
  STREAM,
  StreamHeaders,
  StreamQuery,
  tolerate,
  typeOf,
} from './stream-query.ts';

/** So long after it was made, an account counts with those that its address has just made. */
const NEWCOMER_MS = 24 * 60 * 60_000;

export interface StreamRouteOptions extends Pick<StreamOpenerOptions, 'heartbeatSeconds' | 'readSnapshot'> {
  readPlaces: ReadPlaces;
  /** Whether the reader may see the board now. */
  maySee: (reader: Reader, boardId: string) => Promise<boolean>;
  limits: StreamLimitsOptions;
}

export const streamRoutes: FastifyPluginAsyncTypebox<StreamRouteOptions> = async (app, options) => {
  const { hub, openStreams, accessWatch, pageLog, pageTurns } = app;
  const places = new Places(options.readPlaces);
  const openerOptions: StreamOpenerOptions = {
    ...options,
    hub,
    openStreams,
    accessWatch,
    limits: new StreamLimits(options.limits, app.streamRefusals),
    places,
    resetFailures: new LoggedFailures({
      log: app.log,
      owner: 'resets',
      failing: 'what a reset needs cannot be read; the streams that are due for one wait, and stay open',
      healed: 'no stream waits for its reset any more',
      // Also that there is no room for a snapshot now.
      isOutage: (error) => app.asProblem(error).status === 503,
    }),
    waitingBytes: app.waitingBytes,
  };

  /** @param asked of which boards */
  async function open(
    request: FastifyRequest,
    reply: FastifyReply,
    asked: Pick<StreamRequest, 'boards' | 'isMany'>,
  ): Promise<void> {
    if (openStreams.isDraining) throw new Problem('TB_UNAVAILABLE', 'This node is going down.');
    const { user, grant } = request.caller;
    const query = request.query as Pick<StreamQuery, 'lastEventId' | 'snapshot'>;
    const address = clientAddress(request);
    const newcomersOf = isNewcomer(user) && isKnownClient(address) ? address : undefined;
    if (newcomersOf !== undefined) await app.addressLimits.openings.take(newcomersOf);
    const wanted = {
      ...asked,
      userId: user.id,
      grant,
      names: request.boardNames,
      opens: (boardId: string) => mayOpen(request, boardId),
      newcomersOf,
      lastEventId: lastEventIdOf(request.headers as { 'last-event-id'?: string }, query),
      wantsSnapshot: query.snapshot ?? false,
    };
    await openStream(openerOptions, wanted, request, reply);
  }

  /** Any answer but 200 ends an EventSource for good, so what will pass must not be one. */
  function answerFailure(error: Error, request: FastifyRequest, reply: FastifyReply): void {
    const problem = app.asProblem(error);
    if (problem.status !== 503 || typeOf(request) !== STREAM) {
      sendProblem(problem, error, request, reply);
      return;
    }
    if (!problem.isLogged) {
      app.repeatedLines.tell(`no stream: ${error.message}`, (repeated) =>
        request.log.warn(
          { ...whatOf(request), ...repeated, reason: String(error) },
          'stream not opened; the client is told to come back',
        ),
      );
    }
    reply
      .code(200)
      .type(STREAM)
      .header('cache-control', 'no-store, no-transform')
      .send(closeFrame('busy', openStreams.retryMs));
  }

  /** What both routes are. */
  const route = {
    // A HEAD of this route would open a stream that nobody reads.
    exposeHeadRoute: false,
    // A stream's grant is looked up once more when it is held (admission.ts); a page's is not.
    onRequest: [
      async (request: FastifyRequest) => tolerate(request),
      async (request: FastifyRequest) =>
        typeOf(request) === STREAM ? app.requireRecentCaller(request) : app.requireCaller(request),
    ],
    config: { opensStream: true, takesTickets: true },
    errorHandler: answerFailure,
  };

  app.get(
    '/boards/:id/events',
    {
      ...route,
      schema: {
        tags: ['Stream'],
        operationId: 'openEvents',
        summary: 'Follow a board',
        description: streamDescription,
        security: [{ session: [] }],
        params: Type.Object({ id: boardInput() }),
        headers: StreamHeaders,
        querystring: StreamQuery,
        problems: ['TB_NOT_ACCEPTABLE', 'TB_TOO_MANY_STREAMS', 'TB_TOO_MANY_PAGES'],
        response: {
          200: {
            description: 'The stream; for `Accept: application/json`, a page of the log.',
            content: { [STREAM]: { schema: StreamText }, [JSON_TYPE]: { schema: Type.Ref('EventPage') } },
          },
        },
      },
    },
    async (request, reply) => {
      const { id: boardId } = request.params;
      const reader = readerOf(request.caller);
      if (askedType(request) === STREAM)
        return open(request, reply, { boards: new Map([[boardId, undefined]]), isMany: false });
      const { after, limit } = request.query;
      const page = await pageTurns.take(reader.userId, async () => {
        if (!(await options.maySee(reader, boardId))) throw notFound();
        return readEventPage(pageLog, boardId, after, limit);
      });
      return sendPage(reply, page);
    },
  );

  app.get(
    '/events',
    {
      ...route,
      schema: {
        tags: ['Stream'],
        operationId: 'openManyEvents',
        summary: 'Follow many boards',
        description: manyStreamDescription,
        security: [{ session: [] }],
        headers: StreamHeaders,
        querystring: ManyStreamQuery,
        problems: ['TB_NOT_FOUND', 'TB_NOT_ACCEPTABLE', 'TB_TOO_MANY_STREAMS', 'TB_TOO_MANY_PAGES'],
        response: {
          200: {
            description: 'The stream; for `Accept: application/json`, a page of the logs.',
            content: { [STREAM]: { schema: ManyStreamText }, [JSON_TYPE]: { schema: Type.Ref('ManyEventPage') } },
          },
        },
      },
    },
    async (request, reply) => {
      const boards = parseBoards(request.query.boards);
      const reader = readerOf(request.caller);
      if (askedType(request) === STREAM) return open(request, reply, { boards, isMany: true });
      const { after, limit } = request.query;
      const page = await pageTurns.take(reader.userId, async () => {
        const asked = await Promise.all(
          [...boards]
            .filter(([boardId]) => mayOpen(request, boardId))
            .map(async ([boardId, cursor]) => ({ boardId, cursor, place: await places.of(reader, boardId) })),
        );
        const seen = asked.filter(({ place }) => place.maySee);
        if (seen.length === 0) throw notFound();
        const isSeen = new Set(seen.map(({ boardId }) => boardId));
        const refused = [...boards.keys()]
          .filter((boardId) => !isSeen.has(boardId))
          .map((boardId) => request.boardNames.get(boardId) ?? boardId);
        return readManyEventPage(pageLog, { boards: seen, last: readLastPlaces(after), limit, refused });
      });
      return sendPage(reply, page);
    },
  );
};

/** What a ticket does not open is as if it were not there. */
function mayOpen({ caller: { boards } }: FastifyRequest, boardId: string): boolean {
  return boards === undefined || boards.has(boardId);
}

/** @throws Problem TB_NOT_ACCEPTABLE */
function askedType(request: FastifyRequest): typeof STREAM | typeof JSON_TYPE {
  const type = typeOf(request);
  if (!type) throw new Problem('TB_NOT_ACCEPTABLE', `Accept ${STREAM} or ${JSON_TYPE}.`);
  return type;
}

/** Already JSON, of which the most was made by the database: sent as it is. */
function sendPage(reply: FastifyReply, page: string): FastifyReply {
  return reply
    .type('application/json; charset=utf-8')
    .serializer((json) => json as string)
    .send(page);
}

/** Users of another application have no email here: it vouches for them. */
function isNewcomer({ guest, email, createdAt }: User): boolean {
  return guest || (email !== null && Date.now() - Date.parse(createdAt) < NEWCOMER_MS);
}
