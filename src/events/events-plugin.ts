// Wires ② and ③ of an event's way: the log, the notifier and the listener.

import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { createEventLog, type EventLog } from './event-log.ts';
import { Listener } from './listener.ts';
import { Notifier } from './notifier.ts';

declare module 'fastify' {
  interface FastifyInstance {
    eventLog: EventLog;
    listener: Listener;
    notifier: Notifier;
  }
}

/** @param options `connectionString` leads past a transaction pooler, which would keep no LISTEN */
export default fastifyPlugin(
  async (app: FastifyInstance, { connectionString }: { connectionString: string }) => {
    const listener = new Listener({ connectionString, log: app.log });
    const notifier = new Notifier({ connectionString, log: app.log });
    app.decorate('eventLog', createEventLog(app.pool));
    app.decorate('listener', listener);
    app.decorate('notifier', notifier);
    app.addHook('onReady', async () => {
      await Promise.all([listener.start(), notifier.start()]);
    });
    app.addHook('onClose', async () => {
      await Promise.all([listener.stop(), notifier.stop()]);
    });
  },
  { name: 'events', dependencies: ['postgres'] },
);
