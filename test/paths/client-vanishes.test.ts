// Clients whose network is cut: nobody tells the server, and it has to find out.

import t from 'tap';
import { Client } from '../helpers/client.ts';
import { noOtherHost, useOtherHost } from '../helpers/cut-off-host.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { timings } from '../helpers/timings.ts';
import { until } from '../helpers/until.ts';

const { keepAliveIdleMs, lookMs, silenceMs } = timings.vanishedClients;
/** Ten probes, or three retransmissions and two looks, and a busy machine. With the real ones below what the contract promises, 45 s. */
const BOUND_MS = keepAliveIdleMs + 10_000 + silenceMs + 2 * lookMs + 5000;

t.test(
  'a client whose network is cut is reaped, on an idle board and on a busy one (E7)',
  { skip: noOtherHost },
  async (t) => {
    const { url, sql } = await useDatabase(t);
    const host = useOtherHost(t);
    const node = await startNode(t, url, { host: host.serverAddress, timings });
    const ada = await Client.signUp(node);
    const boards = { idle: await ada.createBoard('Idle'), busy: await ada.createBoard('Busy') };
    const output = { idle: '', busy: '' };
    for (const name of ['idle', 'busy'] as const) {
      const address = `${node.url}/boards/${boards[name]}/events`;
      host.run('curl', ['-sN', '-H', `Cookie: ${ada.cookie}`, address], (text) => {
        output[name] += text;
      });
      await until(() => output[name].includes('event:ready'), `the stream of the ${name} board`);
    }
    t.equal(node.app.openStreams.size, 2);

    const write = setInterval(() => {
      void sql(`insert into teamboard.items (board_id, text) values ($1, 'x')`, [boards.busy]);
    }, 1000);
    t.teardown(() => clearInterval(write));
    await until(() => output.busy.includes('event:changed'), 'an event on the busy board');

    host.cut();
    const start = performance.now();
    const reapedAfter: Record<string, number> = {};
    for (const name of ['idle', 'busy'] as const) {
      void until(() => ended(boards[name]), `the end of the ${name} stream`, 2 * BOUND_MS)
        .then(() => {
          reapedAfter[name] = performance.now() - start;
        })
        .catch(() => {});
    }
    await until(() => 'idle' in reapedAfter && 'busy' in reapedAfter, 'both to be reaped', 2 * BOUND_MS);
    clearInterval(write);
    for (const [name, ms] of Object.entries(reapedAfter)) {
      t.comment(`${name}: reaped ${(ms / 1000).toFixed(1)} s after the cut`);
      t.ok(ms < BOUND_MS, `${name} within its bound`);
    }
    t.equal(ended(boards.idle)?.reason, 'dead');
    t.equal(ended(boards.busy)?.reason, 'dead');
    t.equal(node.app.openStreams.size, 0);
    t.equal(node.app.registry.size, 0);

    function ended(boardId: string) {
      return node.logged.find(({ msg, boardId: id }) => msg === 'stream closed' && id === boardId);
    }
  },
);
