// What happens when more waits for clients than a node may have waiting (E5).

import { once } from 'node:events';
import net from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import { bestOf } from '../helpers/bounds.ts';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { askWithoutReading, createLargeBoard, readSlowly } from '../helpers/large-board.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { until } from '../helpers/until.ts';

const MIB = 1024 * 1024;
/** More than the kernel holds for two ends of a connection, and more than the budget. */
const LARGE = 12 * MIB;
const BUDGET = 4 * MIB;
/** Pages of the log of a mebibyte each: more than the kernel holds. */
const PAGES = 10;

t.test('more than a node may have waiting (E5)', async (t) => {
  const database = await useDatabase(t);
  const node = await startNode(t, database.url, { waitingBytesPerNode: BUDGET });
  const sockets: net.Socket[] = [];
  node.app.server.on('connection', (socket) => sockets.push(socket));
  const ada = await Client.signUp(node);
  const boards = [await createLargeBoard(ada, database, LARGE), await createLargeBoard(ada, database, LARGE)];
  const [one, other] = boards.map((id) => `/boards/${id}`);
  const cuts = () => node.logged.filter(({ msg }) => String(msg).startsWith('answer cut'));

  t.test('the answers go first whose clients have taken nothing for the longest', async (t) => {
    const ask = `GET ${one}/events?limit=500 HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nCookie: ${ada.cookie}\r\n\r\n`;
    const ports: number[] = [];
    while (cuts().length < 2) {
      t.ok(ports.length < 8, 'those that wait are within the budget');
      const socket = net.connect(node.port, '127.0.0.1', () => socket.write(ask.repeat(PAGES)));
      t.teardown(() => socket.destroy());
      socket.on('error', () => {});
      await until(() => socket.localPort, 'the connection');
      ports.push(Number(socket.localPort));
      await until(() => waitsFor(Number(socket.localPort)) || cuts().length >= 2, 'the kernel to be full');
    }
    t.ok(ports.length >= BUDGET / MIB, 'none was cut before');
    t.match((await ada.get(`${one}/events`, { accept: 'application/json' })).body, { hasMore: true });
  });

  t.test('a large board takes the room of one whose readers stand still, and not of one that is read', async (t) => {
    const still = await askWithoutReading(t, node, `${one}`, ada);
    t.equal((await ada.get(`${other}`)).body.items.length, Math.ceil(LARGE / 10_000));
    await t.rejects(readSlowly(still, 0, LARGE), 'its answer is not whole');

    const askBeside = async () => {
      const slow = await askWithoutReading(t, node, `${one}`, ada);
      const reading = readSlowly(slow, 14_000, LARGE);
      reading.catch(() => {});
      const [refused, stream] = await Promise.all([
        ada.get(`${other}`),
        openStream(t, node.url, boards[1] ?? '', { ...ada, query: '?snapshot=true' }),
      ]);
      if (refused.status !== 503) for (const each of [slow, stream.socket]) each.destroy();
      return { slow, refused, stream };
    };
    // Who reads nothing because the machine stands still is one who stands still.
    const { slow, refused, stream } = await bestOf(askBeside, ({ refused }) => refused.status === 503);
    t.match(refused, { status: 503, body: { code: 'TB_UNAVAILABLE' } });
    t.ok(refused.headers.get('retry-after'));
    await stream.end();
    t.match(stream.frames, [{ event: 'close', data: { reason: 'busy', retry: true } }]);
    t.notOk(slow.readableAborted, 'the one that is read goes on');
    slow.destroy();
    t.equal((await ada.get(`${other}`)).status, 200);
  });

  t.test('a board that is not large counts as well, for each client that does not take it', async (t) => {
    const own = await startNode(t, database.url, { waitingBytesPerNode: MIB });
    const middling = await createLargeBoard(ada, database, 200_000);
    const ask = `GET /boards/${middling} HTTP/1.1\r\nHost: x\r\nCookie: ${ada.cookie}\r\n\r\n`;
    const isCut = () => own.logged.some(({ msg }) => String(msg).startsWith('answer cut'));
    let clients = 0;
    while (!isCut()) {
      t.ok(clients < 10, 'those that wait are within the budget');
      const socket = net.connect(own.port, '127.0.0.1');
      t.teardown(() => socket.destroy());
      socket.on('error', () => {});
      const [accepted] = (await once(own.app.server, 'connection')) as [net.Socket];
      // One answer after the other, until the kernel takes no more.
      for (let sent = 0; accepted.writableLength === 0 && !isCut(); ) {
        socket.write(ask);
        sent += 200_000;
        await until(() => accepted.bytesWritten > sent, 'the answer');
        await nextTurn();
      }
      clients += 1;
    }
  });

  /** Whether something waits in the node for the client at a port. */
  function waitsFor(port: number): boolean {
    return sockets.some(({ remotePort, writableLength }) => remotePort === port && writableLength > 0);
  }
});
