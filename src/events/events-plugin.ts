// Wires ② and ③ of an event's way: the log and its trimmer, the notifier and the listener.

import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { createEventLog, type EventLog } from './event-log.ts';
import { Listener } from './listener.ts';
import { Notifier } from './notifier.ts';
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
  }
}

export interface EventsOptions extends Pick<TrimmerOptions, 'retentionEvents' | 'retentionDays' | 'retentionBytes'> {
  /** Leads past a transaction pooler, which would keep no LISTEN. */
  connectionString: string;
}

export default fastifyPlugin(
  async (app: FastifyInstance, { connectionString, ...retention }: EventsOptions) => {
    const listener = new Listener({ connectionString, log: app.log });
    const notifier = new Notifier({ connectionString, log: app.log });
    const onUntold = tellOnce(app.log);
    const { readAfter } = createEventLog(app.livePool, onUntold);
    app.decorate('eventLog', { ...createEventLog(app.logPool, onUntold), readAfter });
    app.decorate('pageLog', createEventLog(app.pool, onUntold));
    app.decorate('listener', listener);
    app.decorate('notifier', notifier);
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
