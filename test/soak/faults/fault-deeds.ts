// What each kind of fault does, and undoes.

import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Figures } from '../figures.ts';
import type { Epochs } from '../rules/epochs.ts';
import type { Cluster } from '../world/cluster.ts';
import type { SoakNode } from '../world/soak-node.ts';
import { SteadyClient } from '../world/steady-client.ts';
import { knockWhileDraining } from './drain-probe.ts';
import type { FaultKind, PlannedFault } from './schedule.ts';

const HOUR_MS = 3_600_000;
/** Requests that wait for a lock at once, on each node: twice what its pool has connections. */
const CROWD = 20;
const LISTENER = 'teamboard listener';

export interface DeedOptions extends Cluster {
  epochs: Epochs;
  /** Whose log is locked. */
  busyBoardId: string;
  /** Of a member of that board. */
  cookie: string;
  figures: Figures;
}

/** Whom a fault concerns: all readers, those of one node, or those of one board. */
export interface Concerned {
  node?: SoakNode;
  boardId?: string;
}

/**
 * Resolves when all is as it was. Calls `measure` when the time begins after which readers should be served again: for
 * an outage its end, for what must heal by itself its beginning.
 */
export type Deed = (fault: PlannedFault, node: SoakNode, measure: (concerned?: Concerned) => void) => Promise<void>;

export function createDeeds(options: DeedOptions): Record<FaultKind, Deed> {
  return {
    ...nodeDeeds(options),
    ...listenerDeeds(options),
    ...serverDeeds(options),
    ...lockDeeds(options),
    ...redisDeeds(options),
  };
}

type Deeds<Kind extends FaultKind> = Record<Kind, Deed>;

function nodeDeeds({
  busyBoardId: boardId,
  cookie,
  figures,
}: DeedOptions): Deeds<'node killed' | 'node paused' | 'node rolled' | 'node clock off'> {
  return {
    'node killed': async ({ holdMs }, node, measure) => {
      measure({ node });
      await node.kill();
      await delay(holdMs);
      await node.start();
    },
    'node paused': async ({ holdMs }, node, measure) => {
      measure({ node });
      node.pause();
      await delay(holdMs);
      node.resume();
    },
    'node rolled': async (_fault, node, measure) => {
      measure({ node });
      await Promise.all([node.terminate(), knockWhileDraining(node, { boardId, cookie, figures })]);
      await node.start();
    },
    // It stays that way until the node is started again.
    'node clock off': async ({ sign }, node, measure) => {
      measure({ node });
      await Promise.all([node.terminate(), knockWhileDraining(node, { boardId, cookie, figures })]);
      await node.start(sign * HOUR_MS);
    },
  };
}

function listenerDeeds({
  postgres,
  directProxies,
}: DeedOptions): Deeds<'LISTEN terminated' | 'LISTEN half-open' | 'UNLISTEN'> {
  return {
    // On all nodes: a server's process does not tell which node it serves.
    'LISTEN terminated': async (_fault, _node, measure) => {
      await administer(
        postgres.url,
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = '${LISTENER}'`,
      );
      measure();
    },
    'LISTEN half-open': async (_fault, node, measure) => {
      directProxies[node.index]?.swallow();
      measure({ node });
    },
    UNLISTEN: async (_fault, node, measure) => {
      directProxies[node.index]?.inject('unlisten *', 'UNLISTEN', LISTENER);
      measure({ node });
    },
  };
}

function serverDeeds({
  postgres,
  epochs,
}: DeedOptions): Deeds<
  'Postgres crashed' | 'Postgres stopped' | 'Postgres restarted' | 'Postgres promoted' | 'all backends terminated'
> {
  return {
    'Postgres crashed': async ({ holdMs }, _node, measure) => {
      await postgres.crash();
      await delay(holdMs);
      await postgres.start();
      measure();
    },
    'Postgres stopped': async ({ holdMs }, _node, measure) => {
      await postgres.stop();
      await delay(holdMs);
      await postgres.start();
      measure();
    },
    'Postgres restarted': async (_fault, _node, measure) => {
      await postgres.stop();
      await postgres.start();
      measure();
    },
    'Postgres promoted': async (_fault, _node, measure) => {
      epochs.willChange();
      await postgres.promoteCopy();
      const since = Date.now();
      measure();
      epochs.begin(await askEpoch(postgres.url), since);
    },
    'all backends terminated': async (_fault, _node, measure) => {
      await administer(
        postgres.url,
        'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname is not null',
      );
      measure();
    },
  };
}

function lockDeeds({ postgres, nodes, busyBoardId, cookie }: DeedOptions): Deeds<'head locked' | 'pool exhausted'> {
  return {
    'head locked': async ({ holdMs }, _node, measure) => {
      const lock = `select from teamboard.board_log where board_id = '${busyBoardId}' for update`;
      await holdLock(postgres.url, lock, () => delay(holdMs));
      measure({ boardId: busyBoardId });
    },
    // Each request looks up its session first, and waits for it with a connection in its hand.
    'pool exhausted': async ({ holdMs }, _node, measure) => {
      const endAt = performance.now() + holdMs;
      const crowd = nodes.flatMap((node) => Array.from({ length: CROWD }, () => node));
      await holdLock(postgres.url, 'lock table teamboard.sessions in access exclusive mode', async () => {
        await Promise.all(crowd.map((node) => askUntil(endAt, node, cookie)));
      });
      measure();
    },
  };
}

function redisDeeds({
  redis,
}: DeedOptions): Deeds<'Redis stopped' | 'Redis hung' | 'Redis flushed' | 'Redis restarted'> {
  return {
    'Redis stopped': async ({ holdMs }, _node, measure) => {
      measure();
      await redis.shutdown({ save: false });
      await delay(holdMs);
      await redis.boot();
    },
    'Redis hung': async ({ holdMs }, _node, measure) => {
      measure();
      redis.pause();
      await delay(holdMs);
      redis.resume();
    },
    'Redis flushed': async (_fault, _node, measure) => {
      measure();
      await redis.client.flushall();
    },
    'Redis restarted': async (_fault, _node, measure) => {
      measure();
      await redis.shutdown({ save: true });
      await redis.boot();
    },
  };
}

/** Asks a node again and again for what needs a session. */
async function askUntil(endAt: number, node: SoakNode, cookie: string): Promise<void> {
  while (performance.now() < endAt) {
    const signal = AbortSignal.timeout(5000);
    const answer = fetch(`${node.url}/session`, { headers: { cookie }, signal }).then((response) => response.text());
    await answer.catch(() => delay(200));
  }
}

async function holdLock(url: string, lock: string, whileHeld: () => Promise<unknown>): Promise<void> {
  const client = await connect(url);
  try {
    await client.query('begin');
    await client.query(lock);
    await whileHeld();
  } finally {
    await client.end();
  }
}

async function administer(url: string, sql: string): Promise<void> {
  const client = new SteadyClient(url, 'soak faults');
  await client.ask(sql);
  await client.end();
}

/** @returns the epoch that cursors carry now */
export async function askEpoch(url: string): Promise<string> {
  const client = await connect(url);
  const { rows } = await client.query('select teamboard.current_epoch() as epoch').finally(() => client.end());
  return rows[0].epoch;
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: 'soak faults' });
  client.on('error', () => {});
  await client.connect();
  return client;
}
