// The pools: lanes for what must not wait for each other.

import fastifyPostgres from '@fastify/postgres';
import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import type { Pool } from 'pg';
import { connectionOptions } from './address.ts';
import { poolSizes } from './pool-sizes.ts';
import { clientOfSchema } from './schema-client.ts';
import { asStartupOptions, poolSettings } from './session-settings.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** For requests. */
    pool: Pool;
    /** For opening streams and comparing heads: nothing that can wait for the lock of a row. */
    logPool: Pool;
    /** For the live read and for the end of access: each has one statement under way at most, and so a connection. */
    livePool: Pool;
  }
}

export interface PostgresOptions {
  connectionString: string;
  /** Which has our tables. */
  schema: string;
  /** A pooler may refuse what we state: see start/settings-in-force.ts. */
  takesSettings: boolean;
}

/**
 * Decorates `app.pool`, `app.logPool` and `app.livePool`. Every wait has an end, so that a database that hangs makes requests fail and
 * not pile up: for a connection 2 s, for a lock 2 s, for a statement 5 s, for an answer (a half-open connection gives
 * none) 6 s.
 */
export default fastifyPlugin(
  async (app: FastifyInstance, { connectionString, schema, takesSettings }: PostgresOptions) => {
    const options = {
      ...connectionOptions(connectionString, takesSettings ? asStartupOptions(poolSettings) : undefined),
      Client: clientOfSchema(schema),
      connectionTimeoutMillis: 2000,
      idleTimeoutMillis: 300_000,
      // Below the ten minutes after which a proxy in front of a managed database cuts a connection.
      maxLifetimeSeconds: 540,
      keepAlive: true,
      keepAliveInitialDelayMillis: 5000,
      query_timeout: 6000,
    };
    await app.register(fastifyPostgres, { ...options, application_name: 'teamboard', max: poolSizes.requests });
    // Ten writers that wait for a locked board hold all of the first pool, and must not stop what the streams of other
    // boards get (E5).
    await app.register(fastifyPostgres, {
      ...options,
      application_name: 'teamboard log',
      max: poolSizes.log,
      name: 'log',
    });
    // A crowd that opens streams holds the second, and must not stop what those have that are open (E5, E6).
    await app.register(fastifyPostgres, {
      ...options,
      application_name: 'teamboard live',
      max: poolSizes.live,
      name: 'live',
    });
    const { pool } = app.pg;
    const logPool = app.pg.log?.pool as Pool;
    const livePool = app.pg.live?.pool as Pool;
    for (const each of [pool, logPool, livePool]) {
      // Without a listener, the loss of an idle connection (a restart of PostgreSQL is enough) ends the process.
      each.on('error', (error) => {
        // It says goodbye to each of its connections, and PostgreSQL may have gone before.
        if (each.ending) return;
        app.log.warn({ reason: error.message }, 'lost an idle connection to PostgreSQL; the next query opens another');
      });
    }
    app.decorate('pool', pool);
    app.decorate('logPool', logPool);
    app.decorate('livePool', livePool);
  },
  { name: 'postgres' },
);
