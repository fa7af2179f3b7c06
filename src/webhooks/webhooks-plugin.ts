// Wires webhooks: readers of the logs beside the streams, which tell others by HTTP.

import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import pLimit from 'p-limit';
import { LoggedFailures } from '../background/failures.ts';
import { RegistryUnavailable } from '../liveness/stream-registry.ts';
import { isUnavailable } from '../postgres/database-problem.ts';
import type { Timings } from '../timings.ts';
import { Deliveries } from './deliveries.ts';
import { createDeliveryStore, type DeliveryStore } from './delivery-store.ts';
import { createPost } from './post.ts';
import { createPublicLookup, createResolve } from './reach.ts';
import { createWebhookStore, type WebhookStore } from './webhook-store.ts';

/** Of the connections for requests: they come first. */
const QUERIES_AT_ONCE = 2;

declare module 'fastify' {
  interface FastifyInstance {
    webhooks: WebhookStore;
    deliveries: Deliveries;
  }
}

export interface WebhooksOptions {
  webhooksPerBoard: number;
  /** Whether they may lead to this machine and the network around it, also without TLS. */
  allowPrivate: boolean;
  handoverSeconds: number;
  version: string;
  timings: Timings['webhooks'];
}

export default fastifyPlugin(
  async (
    app: FastifyInstance,
    { webhooksPerBoard, allowPrivate, handoverSeconds, version, timings }: WebhooksOptions,
  ) => {
    const { pool, writeBoard, listener, registry, pageLog, userNames } = app;
    app.decorate('webhooks', createWebhookStore(pool, writeBoard, webhooksPerBoard));
    const post = createPost({
      allowPrivate,
      lookup: allowPrivate ? undefined : createPublicLookup(createResolve()),
      userAgent: `Teamboard/${version}`,
      timings,
    });
    const query = pLimit(QUERIES_AT_ONCE);
    const deliveries = new Deliveries({
      ...{ post, timings },
      store: limited(createDeliveryStore(pool), query),
      log: limited(pageLog, query),
      retry: { firstMs: timings.retryFirstMs, lastMs: timings.retryLastMs, giveUpMs: timings.giveUpMs },
      listenTo: (boardIds) => listener.listenBeside(boardIds),
      readUsers: async (boardId) => new Set((await registry.list(boardId)).map(({ userId }) => userId)),
      handoverMs: handoverSeconds * 1000,
      nameUsers: (userIds) => userNames.of(userIds),
      logger: app.log,
      failures: new LoggedFailures({
        log: app.log,
        owner: 'webhooks',
        failing: 'webhooks are told nothing; they go on where they stand',
        healed: 'webhooks are told again',
        isOutage: (error) => error instanceof RegistryUnavailable || isUnavailable(error),
      }),
    });
    app.decorate('deliveries', deliveries);
    listener.subscribe({
      onNotification: (boardId) => deliveries.wake(boardId),
      onConnected: () => deliveries.wakeAll(),
    });

    let endListening: (() => void) | undefined;
    app.addHook('onReady', async () => {
      endListening = registry.onChange((change) => deliveries.heard(change));
      deliveries.start();
    });
    app.addHook('onClose', async () => {
      endListening?.();
      await deliveries.stop();
      post.close();
    });
  },
  { name: 'webhooks', dependencies: ['postgres', 'events', 'boards', 'liveness', 'presence'] },
);

/** @returns the same, whose methods take turns */
function limited<Methods extends DeliveryStore | FastifyInstance['pageLog']>(
  methods: Methods,
  turn: <Result>(work: () => Promise<Result>) => Promise<Result>,
): Methods {
  return Object.fromEntries(
    Object.entries(methods).map(([name, method]) => [name, (...given: never[]) => turn(() => method(...given))]),
  ) as unknown as Methods;
}
