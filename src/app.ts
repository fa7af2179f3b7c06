// The composition root: plugins and routes in the order of an event's way. No logic.

import fastifyAccepts from '@fastify/accepts';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import accessPlugin from './access/access-plugin.ts';
import type { Reader } from './access/claims.ts';
import { accountRoutes } from './accounts/account-routes.ts';
import accountsPlugin from './accounts/accounts-plugin.ts';
import { applicationRoutes } from './accounts/application-routes.ts';
import { sessionCookieName } from './accounts/session-cookie.ts';
import { sessionRoutes } from './accounts/session-routes.ts';
import { ticketRoutes } from './accounts/ticket-routes.ts';
import { Token } from './accounts/token.ts';
import { tokenRoutes } from './accounts/token-routes.ts';
import { User } from './accounts/user.ts';
import { batchSchemas } from './boards/batch.ts';
import { batchRoutes } from './boards/batch-routes.ts';
import { boardSchemas } from './boards/board.ts';
import { boardRoutes } from './boards/board-routes.ts';
import boardsPlugin from './boards/boards-plugin.ts';
import { BoardConflict, Conflict } from './boards/conflict.ts';
import { invitationRoutes } from './boards/invitation-routes.ts';
import { inviteSchemas } from './boards/invite.ts';
import { inviteRoutes } from './boards/invite-routes.ts';
import { itemPageRoutes } from './boards/item-page-routes.ts';
import { itemRoutes } from './boards/item-routes.ts';
import { createFindByKey } from './boards/key-store.ts';
import { memberRoutes } from './boards/member-routes.ts';
import { isRank, RANK_FORMAT } from './boards/rank.ts';
import { snapshotRoutes } from './boards/snapshot-routes.ts';
import { Broadcast } from './broadcasts/broadcast.ts';
import { broadcastRoutes } from './broadcasts/broadcast-routes.ts';
import broadcastsPlugin from './broadcasts/broadcasts-plugin.ts';
import type { Config } from './config/config.ts';
import { eventSchemas } from './events/board-event.ts';
import eventsPlugin from './events/events-plugin.ts';
import addressesPlugin from './http/addresses-plugin.ts';
import basePathPlugin from './http/base-path-plugin.ts';
import boardNamesPlugin from './http/board-names-plugin.ts';
import { clientRoutes } from './http/client-routes.ts';
import closingPlugin from './http/closing-plugin.ts';
import conditionsPlugin from './http/conditions-plugin.ts';
import connectionLimitPlugin from './http/connection-limit-plugin.ts';
import corsPlugin, { shareUnseen } from './http/cors-plugin.ts';
import crossSitePlugin from './http/cross-site-plugin.ts';
import emptyBodiesPlugin from './http/empty-bodies-plugin.ts';
import { HEAD_BYTES } from './http/head-bytes.ts';
import headersPlugin from './http/headers-plugin.ts';
import hostPlugin from './http/host-plugin.ts';
import openApiPlugin from './http/openapi/openapi-plugin.ts';
import pageTurnsPlugin from './http/page-turns-plugin.ts';
import problemPlugin, { answerClientError, answerFrameworkError, giveUp } from './http/problem-plugin.ts';
import { readPublicAddress } from './http/public-address.ts';
import rateLimitsPlugin from './http/rate-limits-plugin.ts';
import { requestIdOf } from './http/request-ids.ts';
import requestLogPlugin from './http/request-log-plugin.ts';
import requestTargetPlugin from './http/request-target-plugin.ts';
import { ProblemBody, ProblemCodes } from './http/schemas.ts';
import serializationPlugin from './http/serialization-plugin.ts';
import slowBodiesPlugin from './http/slow-bodies-plugin.ts';
import turnsPlugin, { TurnResponse } from './http/turns-plugin.ts';
import validationPlugin from './http/validation-plugin.ts';
import { webRoutes } from './http/web-routes.ts';
import livenessPlugin from './liveness/liveness-plugin.ts';
import { ownStreamRoutes, ownStreamSchemas } from './liveness/own-stream-routes.ts';
import drainPlugin from './ops/drain-plugin.ts';
import { healthRoutes } from './ops/health-routes.ts';
import metricsPlugin from './ops/metrics/metrics-plugin.ts';
import { wayRoutes } from './ops/way-routes.ts';
import outputPlugin from './output/output-plugin.ts';
import { asDatabaseProblem } from './postgres/database-problem.ts';
import postgresPlugin from './postgres/postgres-plugin.ts';
import { PresenceChange } from './presence/presence-change.ts';
import presencePlugin from './presence/presence-plugin.ts';
import { presenceRoutes } from './presence/presence-routes.ts';
import { EventPage } from './streams/opening/event-page.ts';
import { ManyEventPage } from './streams/opening/many-event-page.ts';
import { streamRoutes } from './streams/opening/stream-routes.ts';
import streamsPlugin from './streams/streams-plugin.ts';
import { frameSchemas } from './streams/wire/frame-schemas.ts';
import { timings as realTimings, type Timings } from './timings.ts';
import { version } from './version.ts';
import { Webhook } from './webhooks/webhook.ts';
import { webhookRoutes } from './webhooks/webhook-routes.ts';
import webhooksPlugin from './webhooks/webhooks-plugin.ts';

export type AppConfig = Omit<Config, 'databaseUrl' | 'databaseDirectUrl'> & {
  databaseUrl: string;
  databaseDirectUrl: string;
  /** Default: true. A pooler may refuse what the pools state when they connect. */
  takesSettings?: boolean;
};

/** No parameter is refused by the router, in words of its own: the schemas say what one may be. */
const routerOptions = { maxParamLength: 16 * 1024 };

/**
 * @param timings other than the real ones: for tests
 * @returns the application, not listening yet; `close()` ends all that it started
 */
export async function buildApp(
  config: AppConfig,
  logger: FastifyBaseLogger,
  timings: Timings = realTimings,
): Promise<FastifyInstance> {
  const { origin: own, basePath, overTls } = readPublicAddress(config.publicUrl);
  const allowed = new Set(config.corsOrigins);
  const app = Fastify({
    loggerInstance: logger,
    // The request log plugin writes its own.
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    genReqId: requestIdOf,
    trustProxy: config.trustProxy.length > 0 && [...config.trustProxy],
    bodyLimit: 256 * 1024,
    // The start takes as long as it takes until the database is there.
    pluginTimeout: 0,
    // Against heads that arrive byte by byte: Node looks only every 30 s unless told otherwise. The slow bodies plugin
    // cares for the rest of a request; this is the most that one within its rate can take, and some more.
    requestTimeout: 15 * 60_000,
    http: {
      maxHeaderSize: HEAD_BYTES,
      headersTimeout: timings.requests.headMs,
      connectionsCheckingInterval: timings.requests.headLookMs,
      requireHostHeader: false,
      ServerResponse: TurnResponse,
    },
    clientErrorHandler: answerClientError,
    frameworkErrors(error, request, reply) {
      if (!shareUnseen(request, reply, allowed)) answerFrameworkError(error, request, reply);
    },
    // The closing plugin does it.
    return503OnClosing: false,
    routerOptions,
  });

  await app.register(turnsPlugin);
  await app.register(headersPlugin, { basePath });
  await app.register(problemPlugin, { recognize: asDatabaseProblem });
  await app.register(corsPlugin, { allowed });
  await app.register(requestTargetPlugin);
  await app.register(hostPlugin, { overTls });
  await app.register(slowBodiesPlugin, { giveUp, timings: timings.requests });
  await app.register(closingPlugin, { finishMs: timings.requests.finishMs });
  await app.register(addressesPlugin, { routerOptions, basePath });
  await app.register(crossSitePlugin, { own, allowed });
  await app.register(connectionLimitPlugin, { streamsPerNode: config.streamsPerNode });
  await app.register(outputPlugin, { waitingBytesPerNode: config.waitingBytesPerNode, timings: timings.output });
  await app.register(emptyBodiesPlugin);
  await app.register(validationPlugin, { formats: { [RANK_FORMAT]: isRank } });
  await app.register(serializationPlugin);
  await app.register(fastifyAccepts);
  await app.register(basePathPlugin, { basePath });
  await app.register(openApiPlugin, {
    version,
    publicUrl: config.publicUrl,
    basePath,
    cookieName: sessionCookieName({ secure: overTls ?? false, basePath }),
    hasMetrics: config.metricsToken !== undefined,
    schemas: [
      ProblemCodes,
      ProblemBody,
      User,
      Token,
      ...boardSchemas,
      ...batchSchemas,
      Conflict,
      BoardConflict,
      ...inviteSchemas,
      ...eventSchemas,
      ...frameSchemas,
      ...ownStreamSchemas,
      PresenceChange,
      Broadcast,
      Webhook,
      EventPage,
      ManyEventPage,
    ],
  });

  await app.register(postgresPlugin, {
    connectionString: config.databaseUrl,
    schema: config.databaseSchema,
    takesSettings: config.takesSettings ?? true,
  });
  await app.register(boardNamesPlugin, { findByKey: createFindByKey(app.pool, app.logPool) });
  await app.register(accountsPlugin, {
    documentsSecure: overTls ?? false,
    basePath,
    jwtIssuers: config.jwtIssuers,
    jwtCookie: config.jwtCookie,
    rails: config.rails,
    auth: config.auth,
    addressLimits: {
      accountsPerMinute: config.accountsPerMinute,
      signInsPerMinute: config.signInsPerMinute,
      openingsPerMinute: config.openingsPerMinute,
      lookupsPerMinute: config.lookupsPerMinute,
      redisUrl: config.redisUrl,
      redisPrefix: config.redisPrefix,
    },
    tokensPerUser: config.tokensPerUser,
    guestDays: config.guestDays,
    timings: timings.issuerKeys,
  });
  await app.register(requestLogPlugin, { perSecond: config.logRequestsPerSecond });
  await app.register(rateLimitsPlugin, {
    writesPerSecond: config.writesPerSecond,
    broadcastsPerSecond: config.broadcastsPerSecond,
  });
  await app.register(conditionsPlugin);
  await app.register(pageTurnsPlugin);
  await app.register(eventsPlugin, {
    connectionString: config.databaseDirectUrl,
    schema: config.databaseSchema,
    hasRedis: config.redisUrl !== undefined,
    drainSeconds: config.drainSeconds,
    retentionEvents: config.retentionEvents,
    retentionDays: config.retentionDays,
    retentionBytes: config.retentionBytes,
    timings: timings.connections,
  });
  await app.register(boardsPlugin, {
    items: config.itemsPerBoard,
    bytes: config.bytesPerBoard,
    boardsPerUser: config.boardsPerUser,
    membersPerBoard: config.membersPerBoard,
    invitesPerBoard: config.invitesPerBoard,
  });
  await app.register(accessPlugin, { timings: timings.access });
  await app.register(streamsPlugin, {
    rings: { bytesPerBoard: config.ringBytesPerBoard, bytesPerNode: config.ringBytesPerNode },
    timings: timings.streams,
  });
  await app.register(drainPlugin);
  await app.register(livenessPlugin, {
    redisUrl: config.redisUrl,
    redisPrefix: config.redisPrefix,
    heartbeatSeconds: config.heartbeatSeconds,
    streamMaxAgeMinutes: config.streamMaxAgeMinutes,
    timings,
  });
  await app.register(presencePlugin, { handoverSeconds: config.presenceHandoverSeconds, timings: timings.presence });
  await app.register(broadcastsPlugin, {
    connectionString: config.databaseDirectUrl,
    schema: config.databaseSchema,
    timings: timings.connections,
  });

  await app.register(webhooksPlugin, {
    webhooksPerBoard: config.webhooksPerBoard,
    allowPrivate: config.webhookAllowPrivate,
    handoverSeconds: config.presenceHandoverSeconds,
    version,
    timings: timings.webhooks,
  });

  await app.register(metricsPlugin, {
    version,
    port: config.metricsPort,
    host: config.host,
    token: config.metricsToken,
  });

  const maySee = async (reader: Reader, boardId: string) => (await app.boards.roleOf(reader, boardId)) !== undefined;
  await app.register(accountRoutes, { onRename: () => app.tellRenames() });
  await app.register(sessionRoutes);
  await app.register(tokenRoutes);
  await app.register(applicationRoutes);
  await app.register(ticketRoutes);
  await app.register(boardRoutes);
  await app.register(snapshotRoutes);
  await app.register(itemRoutes);
  await app.register(itemPageRoutes);
  await app.register(batchRoutes);
  await app.register(memberRoutes);
  await app.register(invitationRoutes);
  await app.register(inviteRoutes, { publicUrl: config.publicUrl });
  await app.register(streamRoutes, {
    heartbeatSeconds: config.heartbeatSeconds,
    limits: { perUser: config.streamsPerUser, perBoard: config.streamsPerBoard, perNode: config.streamsPerNode },
    maySee,
    readPlaces: (questions) => app.places.read(questions),
    readSnapshot: (reader, boardId) => app.snapshots.readInTurn(reader, boardId),
  });
  await app.register(ownStreamRoutes, { maySee });
  await app.register(wayRoutes, { heartbeatSeconds: config.heartbeatSeconds, streamsPerNode: config.streamsPerNode });
  await app.register(presenceRoutes, { maySee });
  await app.register(broadcastRoutes, {
    from: config.broadcastsFrom,
    roleOf: (reader, boardId) => app.boards.tellerRoleOf(reader, boardId),
  });
  await app.register(webhookRoutes, { allowPrivate: config.webhookAllowPrivate });
  await app.register(healthRoutes);
  await app.register(clientRoutes);
  await app.register(webRoutes, { version, basePath });
  return app;
}
