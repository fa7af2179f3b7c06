// The composition root: plugins and routes in the order of an event's way. No logic.

import { createRequire } from 'node:module';
import fastifyAccepts from '@fastify/accepts';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import { accountRoutes } from './accounts/account-routes.ts';
import accountsPlugin from './accounts/accounts-plugin.ts';
import { sessionRoutes } from './accounts/session-routes.ts';
import { ticketRoutes } from './accounts/ticket-routes.ts';
import { Token } from './accounts/token.ts';
import { tokenRoutes } from './accounts/token-routes.ts';
import { User } from './accounts/user.ts';
import { batchRoutes } from './boards/batch-routes.ts';
import { boardSchemas } from './boards/board.ts';
import { boardRoutes } from './boards/board-routes.ts';
import boardsPlugin from './boards/boards-plugin.ts';
import { Conflict } from './boards/conflict.ts';
import { inviteSchemas } from './boards/invite.ts';
import { inviteRoutes } from './boards/invite-routes.ts';
import { itemRoutes } from './boards/item-routes.ts';
import { memberRoutes } from './boards/member-routes.ts';
import { broadcastRoutes } from './broadcasts/broadcast-routes.ts';
import broadcastsPlugin from './broadcasts/broadcasts-plugin.ts';
import type { Config } from './config.ts';
import { BoardEvent } from './events/board-event.ts';
import eventsPlugin from './events/events-plugin.ts';
import closingPlugin from './http/closing-plugin.ts';
import connectionLimitPlugin from './http/connection-limit-plugin.ts';
import corsPlugin from './http/cors-plugin.ts';
import crossSitePlugin from './http/cross-site-plugin.ts';
import headersPlugin from './http/headers-plugin.ts';
import hostPlugin from './http/host-plugin.ts';
import openApiPlugin from './http/openapi-plugin.ts';
import problemPlugin, { answerClientError, answerFrameworkError, giveUp } from './http/problem-plugin.ts';
import rateLimitsPlugin from './http/rate-limits-plugin.ts';
import requestTargetPlugin from './http/request-target-plugin.ts';
import { ProblemBody } from './http/schemas.ts';
import slowBodiesPlugin from './http/slow-bodies-plugin.ts';
import turnsPlugin, { TurnResponse } from './http/turns-plugin.ts';
import validationPlugin from './http/validation-plugin.ts';
import livenessPlugin from './liveness/liveness-plugin.ts';
import drainPlugin from './ops/drain-plugin.ts';
import { healthRoutes } from './ops/health-routes.ts';
import outputPlugin from './output/output-plugin.ts';
import postgresPlugin from './postgres/postgres-plugin.ts';
import presencePlugin from './presence/presence-plugin.ts';
import { presenceRoutes } from './presence/presence-routes.ts';
import { EventPage } from './streams/event-page.ts';
import { streamRoutes } from './streams/stream-routes.ts';
import streamsPlugin from './streams/streams-plugin.ts';

// By the `imports` of package.json, wherever the compiled files lie.
const { version } = createRequire(import.meta.url)('#package.json') as { version: string };

export type AppConfig = Omit<Config, 'databaseUrl' | 'databaseDirectUrl'> & {
  databaseUrl: string;
  databaseDirectUrl: string;
};

/**
 * @param stallMs for tests: how long a client may take nothing at all
 * @returns the application, not listening yet; `close()` ends all that it started
 */
export async function buildApp(
  config: AppConfig,
  logger: FastifyBaseLogger,
  stallMs?: number,
): Promise<FastifyInstance> {
  const app = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: 256 * 1024,
    // Against heads that arrive byte by byte: Node looks only every 30 s unless told otherwise. The slow bodies plugin
    // cares for the rest of a request; this is the most that one within its rate can take, and some more.
    requestTimeout: 15 * 60_000,
    http: {
      headersTimeout: 6000,
      connectionsCheckingInterval: 1000,
      requireHostHeader: false,
      ServerResponse: TurnResponse,
    },
    clientErrorHandler: answerClientError,
    frameworkErrors: answerFrameworkError,
    // The closing plugin does it.
    return503OnClosing: false,
    // No parameter is refused by the router, in words of its own: the schemas say what one may be.
    routerOptions: { maxParamLength: 16 * 1024 },
  });

  const overTls = config.publicUrl?.startsWith('https:') ?? false;
  const allowed = new Set(config.corsOrigins);
  await app.register(turnsPlugin);
  await app.register(headersPlugin, { overTls });
  await app.register(corsPlugin, { allowed });
  await app.register(problemPlugin);
  await app.register(requestTargetPlugin);
  await app.register(hostPlugin);
  await app.register(slowBodiesPlugin, { giveUp });
  await app.register(closingPlugin);
  await app.register(crossSitePlugin, { own: config.publicUrl && new URL(config.publicUrl).origin, allowed });
  await app.register(connectionLimitPlugin, { streamsPerNode: config.streamsPerNode });
  await app.register(outputPlugin, { waitingBytesPerNode: config.waitingBytesPerNode, stallMs });
  await app.register(validationPlugin);
  await app.register(fastifyAccepts);
  await app.register(openApiPlugin, {
    version,
    publicUrl: config.publicUrl,
    schemas: [ProblemBody, User, Token, ...boardSchemas, Conflict, ...inviteSchemas, BoardEvent, EventPage],
  });

  await app.register(postgresPlugin, { connectionString: config.databaseUrl });
  await app.register(accountsPlugin, {
    secureCookies: overTls,
    jwtIssuers: config.jwtIssuers,
    accountsPerMinute: config.accountsPerMinute,
    tokensPerUser: config.tokensPerUser,
    guestDays: config.guestDays,
    redisUrl: config.redisUrl,
  });
  await app.register(rateLimitsPlugin, {
    writesPerSecond: config.writesPerSecond,
    broadcastsPerSecond: config.broadcastsPerSecond,
  });
  await app.register(eventsPlugin, {
    connectionString: config.databaseDirectUrl,
    retentionEvents: config.retentionEvents,
    retentionDays: config.retentionDays,
    retentionBytes: config.retentionBytes,
  });
  await app.register(boardsPlugin, {
    items: config.itemsPerBoard,
    bytes: config.bytesPerBoard,
    boardsPerUser: config.boardsPerUser,
    membersPerBoard: config.membersPerBoard,
    invitesPerBoard: config.invitesPerBoard,
  });
  await app.register(streamsPlugin, {
    rings: { bytesPerBoard: config.ringBytesPerBoard, bytesPerNode: config.ringBytesPerNode },
    readRemaining: (credentialIds) => app.credentials.readRemaining(credentialIds),
  });
  await app.register(drainPlugin);
  await app.register(livenessPlugin, {
    redisUrl: config.redisUrl,
    heartbeatSeconds: config.heartbeatSeconds,
    streamMaxAgeMinutes: config.streamMaxAgeMinutes,
  });
  await app.register(presencePlugin, { handoverSeconds: config.presenceHandoverSeconds });
  await app.register(broadcastsPlugin, { connectionString: config.databaseDirectUrl });

  const maySee = async (userId: string, boardId: string) => (await app.boards.roleOf(userId, boardId)) !== undefined;
  const accountOptions = { clientAddressHeader: config.clientAddressHeader };
  await app.register(accountRoutes, { ...accountOptions, onRename: () => app.tellRenames() });
  await app.register(sessionRoutes, accountOptions);
  await app.register(tokenRoutes);
  await app.register(ticketRoutes, { maySee });
  await app.register(boardRoutes);
  await app.register(itemRoutes);
  await app.register(batchRoutes);
  await app.register(memberRoutes);
  await app.register(inviteRoutes, { publicUrl: config.publicUrl });
  await app.register(streamRoutes, {
    heartbeatSeconds: config.heartbeatSeconds,
    clientAddressHeader: config.clientAddressHeader,
    limits: { perUser: config.streamsPerUser, perBoard: config.streamsPerBoard, perNode: config.streamsPerNode },
    maySee,
    readPlaces: (questions) => app.places.read(questions),
    readSnapshot: (userId, boardId) => app.snapshots.readInTurn(userId, boardId),
  });
  await app.register(presenceRoutes, { maySee });
  await app.register(broadcastRoutes, {
    from: config.broadcastsFrom,
    roleOf: (userId, boardId) => app.boards.roleOf(userId, boardId),
  });
  await app.register(healthRoutes);
  return app;
}
