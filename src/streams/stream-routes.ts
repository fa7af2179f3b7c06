// GET /boards/:id/events: the stream, or pages of the same log.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { User } from '../accounts/user.ts';
import { LoggedFailures } from '../background/failures.ts';
import { notFound, Problem } from '../errors.ts';
import { clientAddress, isKnownClient } from '../http/client-address.ts';
import { asProblem, sendProblem } from '../http/problem-plugin.ts';
import { problemResponses, uuidInput } from '../http/schemas.ts';
import { readEventPage } from './event-page.ts';
import { closeFrame } from './frame.ts';
import { PageTurns } from './page-turns.ts';
import { Places, type ReadPlaces } from './places.ts';
import { streamDescription } from './stream-description.ts';
import { StreamLimits, type StreamLimitsOptions } from './stream-limits.ts';
import { openStream, type StreamOpenerOptions } from './stream-opener.ts';
import { JSON_TYPE, lastEventIdOf, STREAM, StreamHeaders, StreamQuery, tolerate, typeOf } from './stream-query.ts';

/** So long after it was made, an account counts with those that its address has just made. */
const NEWCOMER_MS = 24 * 60 * 60_000;

export interface StreamRouteOptions extends Pick<StreamOpenerOptions, 'heartbeatSeconds' | 'readSnapshot'> {
  readPlaces: ReadPlaces;
  /** Whether the user may see the board now. */
  maySee: (userId: string, boardId: string) => Promise<boolean>;
  limits: StreamLimitsOptions;
  /** The header field in which a proxy says who its client is, in lower case. */
  clientAddressHeader: string | undefined;
}

export const streamRoutes: FastifyPluginAsyncTypebox<StreamRouteOptions> = async (app, options) => {
  const { hub, openStreams, accessWatch, pageLog } = app;
  const pageTurns = new PageTurns();
  const openerOptions: StreamOpenerOptions = {
    ...options,
    hub,
    openStreams,
    accessWatch,
    limits: new StreamLimits(options.limits),
    places: new Places(options.readPlaces),
    resetFailures: new LoggedFailures({
      log: app.log,
      owner: 'resets',
      failing: 'what a reset needs cannot be read; the streams that are due for one wait, and stay open',
      healed: 'no stream waits for its reset any more',
      // Also that there is no room for a snapshot now.
      isOutage: (error) => asProblem(error).status === 503,
    }),
    waitingBytes: app.waitingBytes,
  };

  app.get(
    '/boards/:id/events',
    {
      // A HEAD of this route would open a stream that nobody reads.
      exposeHeadRoute: false,
      onRequest: [async (request) => tolerate(request), app.requireSession],
      config: { opensStream: true, takesTickets: true },
      schema: {
        tags: ['The stream'],
        summary: 'Follow a board',
        description: streamDescription,
        security: [{ session: [] }],
        params: Type.Object({ id: uuidInput() }),
        headers: StreamHeaders,
        querystring: StreamQuery,
        response: {
          200: {
            description: 'The stream; for `Accept: application/json`, a page of the log.',
            content: { [STREAM]: { schema: Type.String() }, [JSON_TYPE]: { schema: Type.Ref('EventPage') } },
          },
          ...problemResponses(400, 401, 404, 406, 429, 503),
        },
      },
      // Any answer but 200 ends an EventSource for good, so what will pass must not be one.
      errorHandler: (error, request, reply) => {
        const problem = asProblem(error);
        if (problem.status !== 503 || typeOf(request) !== STREAM) {
          sendProblem(problem, error, request, reply);
          return;
        }
        if (!problem.isLogged) {
          request.log.warn({ reason: String(error) }, 'stream not opened; the client is told to come back');
        }
        reply.code(200).type(STREAM).header('cache-control', 'no-store, no-transform').send(closeFrame('busy'));
      },
    },
    async (request, reply) => {
      const { id: boardId } = request.params;
      const { user, ...grant } = request.session;
      const userId = user.id;
      const type = typeOf(request);
      if (!type) throw new Problem('TB_NOT_ACCEPTABLE', `Accept ${STREAM} or ${JSON_TYPE}.`);
      if (type === JSON_TYPE) {
        const { after, limit } = request.query;
        const page = await pageTurns.take(userId, async () => {
          if (!(await options.maySee(userId, boardId))) throw notFound();
          return readEventPage(pageLog, boardId, after, limit);
        });
        // Already JSON, of which the most was made by the database: sent as it is.
        return reply
          .type('application/json; charset=utf-8')
          .serializer((json) => json as string)
          .send(page as never);
      }
      if (openStreams.isDraining) throw new Problem('TB_UNAVAILABLE', 'This node is going down.');
      const lastEventId = lastEventIdOf(request.headers, request.query);
      const wantsSnapshot = request.query.snapshot ?? false;
      const address = clientAddress(request, options.clientAddressHeader);
      const newcomersOf = isNewcomer(user) && isKnownClient(address) ? address : undefined;
      const wanted = { userId, boardId, newcomersOf, grant, lastEventId, wantsSnapshot };
      await openStream(openerOptions, wanted, request, reply);
    },
  );
};

/** Users of another application have no email here: it vouches for them. */
function isNewcomer({ guest, email, createdAt }: User): boolean {
  return guest || (email !== null && Date.now() - Date.parse(createdAt) < NEWCOMER_MS);
}
