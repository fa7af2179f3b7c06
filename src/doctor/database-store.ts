// What the database says of itself, and of the way to it.

import { randomBytes } from 'node:crypto';
import { readQueueUsage } from '../events/queue-watch.ts';
import { type Target, withClients } from '../postgres/start/connect.ts';

export interface Connections {
  /** That this role may have, in this database, at most. */
  most: number;
  /** By all who use the server. */
  used: number;
}

/** @throws UnsupportedDatabaseError, UnreachableError, as all of these */
export async function countConnections(target: Target): Promise<Connections> {
  const { rows } = await withClients(target, [undefined], (client) =>
    client.query<Connections>(
      `select (select sum(numbackends)::integer from pg_stat_database) as used,
         least(
           current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
             - coalesce(current_setting('reserved_connections', true)::integer, 0),
           (select nullif(rolconnlimit, -1) from pg_roles where rolname = session_user),
           (select nullif(datconnlimit, -1) from pg_database where datname = current_database())) as most`,
    ),
  );
  return rows[0] ?? { most: 0, used: 0 };
}

/** @returns what part of the queue of notifications is full */
export async function usageOfQueue(target: Target): Promise<number> {
  return withClients(target, [undefined], readQueueUsage);
}

/** @param use is given what asks for the time there, in ms since 1970, once there is a connection */
export async function withClock<T>(target: Target, use: (ask: () => Promise<number>) => Promise<T>): Promise<T> {
  return withClients(target, [undefined], (client) =>
    use(async () => {
      const { rows } = await client.query<{ now: number }>(
        `select (extract(epoch from clock_timestamp()) * 1000)::float8 as now`,
      );
      return rows[0]?.now ?? 0;
    }),
  );
}

/**
 * By a channel that nobody else knows.
 *
 * @param listener as that of a node connects
 * @returns whether what was announced through the one came through the other within the time
 */
export async function hears(listener: Target, sender: Target, waitMs: number): Promise<boolean> {
  return withClients(listener, [undefined], async (hearing) => {
    const channel = `teamboard_doctor_${randomBytes(8).toString('hex')}`;
    let timer: NodeJS.Timeout | undefined;
    const heard = new Promise<boolean>((resolve) => {
      hearing.on('notification', (notification) => {
        if (notification.channel === channel) resolve(true);
      });
      timer = setTimeout(() => resolve(false), waitMs);
    });
    try {
      await hearing.query(`listen "${channel}"`);
      await withClients(sender, [undefined], (telling) => telling.query('select pg_notify($1, $2)', [channel, '']));
      return await heard;
    } finally {
      clearTimeout(timer);
    }
  });
}
