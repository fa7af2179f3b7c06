// Wires ② and ③ of an event's way: the log and its trimmer, the notifier and the listener.

import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import type { Timings } from '../timings.ts';
import type { EventLog } from './event-log.ts';
import { createEventLog } from './event-log-store.ts';
import { Listener } from './listener.ts';
import { Notifier } from './notifier.ts';
import { OtherNodes } from './other-nodes.ts';
import { Trimmer, type TrimmerOptions } from './trimmer.ts';
import { tellOnce } from './untold-events.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Of the streams of this node. */
    eventLog: EventLog;
    /** For pages that requests ask for, which must not hold up the streams. */
    pageLog: EventLog;
    listener: Listener;
    notifier: Notifier;
    otherNodes: OtherNodes;
  }
}

export interface EventsOptions extends Pick<TrimmerOptions, 'retentionEvents' | 'retentionDays' | 'retentionBytes'> {
  /** Leads past a transaction pooler, which would keep no LISTEN. */
  connectionString: string;
  /** Of the database, which has our tables. */
  schema: string;
  hasRedis: boolean;
  drainSeconds: number;
  timings: Timings['connections'];
}

/** In a rolling restart a new node stands beside an old one until it is ready, and then for as long as that drains. */
const OVERLAP_MS = 60_000;

export default fastifyPlugin(
  async (app: FastifyInstance, options: EventsOptions) => {
    const { connectionString, schema, hasRedis, drainSeconds, timings, ...retention } = options;
    const listener = new Listener({ connectionString, schema, log: app.log, timings });
    const otherNodes = new OtherNodes({ schema, hasRedis, patienceMs: OVERLAP_MS + drainSeconds * 1000, log: app.log });
    const notifier = new Notifier({ connectionString, schema, otherNodes, log: app.log, timings });
    const onUntold = tellOnce(app.log);
    const { readAfter } = createEventLog(app.livePool, onUntold);
    app.decorate('eventLog', { ...createEventLog(app.logPool, onUntold), readAfter });
    app.decorate('pageLog', createEventLog(app.pool, onUntold));
    app.decorate('listener', listener);
    app.decorate('notifier', notifier);
    app.decorate('otherNodes', otherNodes);
    const trimmer = new Trimmer({ pool: app.pool, log: app.log, ...retention });
    app.addHook('onReady', async () => {
      await Promise.all([listener.start(), notifier.start()]);
      trimmer.start();
    });
    app.addHook('onClose', async () => {
      await Promise.all([listener.stop(), notifier.stop(), trimmer.stop()]);
    });
  },
  { name: 'events', dependencies: ['postgres'] },
);
