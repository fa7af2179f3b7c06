// Two nodes in this process on a Redis that may be harmed, with streams, for tests that ask what Redis is needed for.

import type { Test } from 'tap';
import { Client } from './client.ts';
import { type EventStream, openStream } from './event-stream.ts';
import { startNode, useDatabase } from './node.ts';
import { startPrivateRedis } from './redis.ts';
import { record } from './registry.ts';
import { until } from './until.ts';

const STREAMS_PER_NODE = 5;

/** Ends with the test. */
export async function startNodesOnRedis(t: Test) {
  const database = await useDatabase(t);
  const redis = await startPrivateRedis();
  t.teardown(() => redis.stop());
  const settings = { redisUrl: redis.url, heartbeatSeconds: 1 };
  const nodes = [await startNode(t, database.url, settings), await startNode(t, database.url, settings)] as const;
  const ada = await Client.signUp(nodes[0]);
  const boardId = await ada.createBoard();
  const heard = nodes.map(({ app }) => record(app.registry));
  const streams: EventStream[] = [];

  const openOnEach = async (count: number) => {
    for (const node of nodes) {
      for (let opened = 0; opened < count; opened += 1) {
        const stream = await openStream(t, node.url, boardId, ada);
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
        15_000,
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
      // A machine that stands still for half a second is an outage too. A line for each command would be dozens.
      const away = logged(/redis is away/);
      t.ok(
        away.every((lines) => lines >= 1 && lines <= 3),
        `lines for the outage: ${away}`,
      );
      t.strictSame(logged(/redis is back/), away, 'and as many for its end');
    },
    /** The median of so many writes, one after the other, in ms. */
    medianWrite: async (count: number) => {
      const times: number[] = [];
      for (let written = 0; written < count; written += 1) {
        const start = performance.now();
        const { status } = await ada
          .at(nodes[written % 2 === 0 ? 0 : 1])
          .post(`/boards/${boardId}/items`, { text: 'x' });
        if (status !== 201) throw new Error(`a write answered ${status}`);
        times.push(performance.now() - start);
      }
      return times.sort((a, b) => a - b)[Math.floor(count / 2)] ?? 0;
    },
  };
}
