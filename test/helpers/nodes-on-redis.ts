// Two nodes in this process on a Redis that may be harmed, with streams, for tests that ask what Redis is needed for.

import type { Test } from 'tap';
import { Client } from './client.ts';
import { type EventStream, oneOfTwo, openStream } from './event-stream.ts';
import { startNode, type TestNode, useDatabase } from './node.ts';
import { startPrivateRedis } from './redis.ts';
import { MOST_OUTAGES, record } from './registry.ts';
import { timings } from './timings.ts';
import { until } from './until.ts';

const STREAMS_PER_NODE = 5;

/** In ms. */
export interface Times {
  own: number;
  other: number;
}

const median = (times: number[]) => times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;

/** Ends with the test. */
export async function startNodesOnRedis(t: Test) {
  const database = await useDatabase(t);
  const redis = await startPrivateRedis();
  t.teardown(() => redis.stop());
  const settings = { redisUrl: redis.url, heartbeatSeconds: 1, timings };
  const nodes = [await startNode(t, database.url, settings), await startNode(t, database.url, settings)] as const;
  /** What this machine makes of the same without any Redis. */
  const without = await startNode(t, database.url, { heartbeatSeconds: 1, timings });
  const ada = await Client.signUp(nodes[0]);
  const [boardId, otherId] = [await ada.createBoard(), await ada.createBoard()];
  const heard = nodes.map(({ app }) => record(app.registry));
  const beside = [await ada.createBoard()];
  const streams: EventStream[] = [];

  const openOnEach = async (count: number) => {
    for (const node of nodes) {
      for (let opened = 0; opened < count; opened += 1) {
        const stream = await openStream(t, node.url, boardId, { ...ada, beside: oneOfTwo(streams.length, beside) });
        await stream.next('ready');
        streams.push(stream);
      }
    }
  };
  /** Waits until the registry, as each node sees it, holds the streams that are in `streams` and nothing else. */
  const complete = async () => {
    const open = streams.map(({ frames }) => frames[0]?.data.streamId).sort();
    await until(async () => {
      const seen = await Promise.all(nodes.map(({ app }) => app.registry.list(boardId).catch(() => [])));
      return seen.every((held) => String(held.map(({ streamId }) => streamId).sort()) === String(open));
    }, 'the registry to be complete');
  };
  const logged = (pattern: RegExp) =>
    nodes.map((node) => node.logged.filter(({ msg }) => pattern.test(String(msg))).length);
  const readiness = () => Promise.all(nodes.map((node) => ada.at(node).get('/readyz')));

  const timeWrite = async (node: TestNode, id: string) => {
    const startedAt = performance.now();
    const { status } = await ada.at(node).post(`/boards/${id}/items`, { text: 'x' });
    if (status !== 201) throw new Error(`a write answered ${status}`);
    return performance.now() - startedAt;
  };

  await openOnEach(STREAMS_PER_NODE);
  await complete();
  return {
    database,
    redis,
    nodes,
    ada,
    boardId,
    /** All that were opened, also by `openOnEach`. Take out what you close. */
    streams,
    openOnEach,
    complete,
    readiness,
    /** The events that the board has had so far. */
    head: 2,
    /** Waits until each node says in its readiness, with status 200, that the registry is so. */
    registryIs: async (state: 'up' | 'down') => {
      await until(
        async () => (await readiness()).every(({ status, body }) => status === 200 && body.registry === state),
        `the registry to be ${state} at both`,
      );
    },
    /** Each join and leave that either node was told of. */
    changes: () => heard.flatMap(({ actions }) => actions(boardId)),
    /** Resolves when each node has heard all that is recorded by now. */
    allHeard: async () => {
      for (const { marker } of heard) await marker();
    },
    /** How often each node has logged such a line. */
    logged,
    /** One line when it begins and one when it ends, at each node. */
    checkOutageLogged: () => {
      const away = logged(/redis is away/);
      t.ok(
        away.every((lines) => lines >= 1 && lines <= MOST_OUTAGES),
        `lines for the outage: ${away}`,
      );
      t.strictSame(logged(/redis is back/), away, 'and as many for its end');
    },
    /** The medians of so many writes, one after the other, and of as many in between that know no Redis. */
    timeWrites: async (count: number): Promise<Times> => {
      const [own, other]: [number[], number[]] = [[], []];
      for (let written = 0; written < count; written += 1) {
        own.push(await timeWrite(nodes[written % 2 === 0 ? 0 : 1], boardId));
        other.push(await timeWrite(without, otherId));
      }
      return { own: median(own), other: median(other) };
    },
    /** The same at best, of streams that are opened and said `ready`. Those of the nodes stay open. */
    timeOpenings: async (count: number): Promise<Times> => {
      const [own, other]: [number[], number[]] = [[], []];
      for (let opened = 0; opened < count; opened += 1) {
        let startedAt = performance.now();
        await openOnEach(1);
        own.push((performance.now() - startedAt) / 2);
        startedAt = performance.now();
        const stream = await openStream(t, without.url, otherId, ada);
        await stream.next('ready');
        other.push(performance.now() - startedAt);
        stream.close();
      }
      return { own: Math.min(...own), other: Math.min(...other) };
    },
  };
}
