// Wires presence: the open streams of this node, the registry of all nodes, and the names of users.

import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { LoggedFailures } from '../background/failures.ts';
import { isUnavailable } from '../postgres/database-problem.ts';
import type { Timings } from '../timings.ts';
import { createNameStore } from './name-store.ts';
import { Presence } from './presence.ts';
import { UserNames } from './user-names.ts';

declare module 'fastify' {
  interface FastifyInstance {
    presence: Presence;
    /** By ids, from memory where it can. */
    userNames: UserNames;
  }
}

export interface PresencePluginOptions {
  /** How long a user is waited for whose last stream has ended. */
  handoverSeconds: number;
  timings: Timings['presence'];
}

export default fastifyPlugin(
  async (app: FastifyInstance, { handoverSeconds, timings }: PresencePluginOptions) => {
    const { registry, openStreams, pool } = app;
    const names = new UserNames(
      createNameStore(pool),
      new LoggedFailures({
        log: app.log,
        owner: 'names',
        failing: 'the names of users cannot be read again; presence shows those that it has',
        healed: 'the names of users can be read again',
        isOutage: isUnavailable,
      }),
    );
    const presence = new Presence({
      registry,
      handoverMs: handoverSeconds * 1000,
      retryMs: timings.retryMs,
      nameUsers: (userIds) => names.of(userIds),
      log: app.log,
    });
    openStreams.subscribe(presence);
    app.decorate('presence', presence);
    app.decorate('userNames', names);

    app.addHook('onReady', async () => presence.start());
    app.addHook('onClose', () => presence.stop());
  },
  { name: 'presence', dependencies: ['postgres', 'streams', 'liveness'] },
);
