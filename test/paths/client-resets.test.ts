// Clients whose connections are reset (RST) again and again, in the middle of what is being written to them.

import { promisify } from 'node:util';
import t from 'tap';
import { Client } from '../helpers/client.ts';
import { oneOfTwo, openStream } from '../helpers/event-stream.ts';
import { holdBoard } from '../helpers/hub-board.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { findFault } from '../helpers/seqs.ts';
import { until } from '../helpers/until.ts';

const CLIENTS = 10;
/** Of each client. */
const RESETS = 10;

t.test('resets in the middle of a burst leak nothing, and each client goes on exactly (E2, E5)', async (t) => {
  const { url, sql } = await useDatabase(t);
  const node = await startNode(t, url);
  const warnings: string[] = [];
  const onWarning = (warning: Error) => void warnings.push(String(warning));
  process.on('warning', onWarning);
  t.teardown(() => process.off('warning', onWarning));
  const ada = await Client.signUp(node);
  const boardId = await ada.createBoard();
  const start = (await ada.get(`/boards/${boardId}`)).body.cursor as string;
  const beside = [await ada.createBoard()];
  const witness = await openStream(t, node.url, boardId, ada);
  await witness.next('ready');
  let head: number | undefined;

  const written: number[] = [];
  let isWriting = true;
  const burst = async () => {
    while (isWriting) {
      const insert = `insert into teamboard.items (board_id, text) select $1, repeat('x', 2000) from generate_series(1, 100)`;
      await sql(insert, [boardId]);
      written.push(100);
      await until(() => (witness.seqs.at(-1) ?? 0) >= 2 + 100 * written.length, 'the burst');
    }
  };

  /** Takes so many bytes of each connection, then resets it: somewhere in a frame. @returns all seqs it was told */
  const follow = async (client: number) => {
    const seqs: number[] = [];
    let cursor = start;
    for (let connection = 0; ; connection += 1) {
      const headers = { 'last-event-id': cursor };
      const stream = await openStream(t, node.url, boardId, { ...ada, headers, beside: oneOfTwo(client, beside) });
      const take = 3000 + ((client * RESETS + connection) % 97) * 1000;
      if (connection < RESETS) await until(() => stream.raw.length > take || stream.closed, 'enough to reset');
      else await until(() => head && stream.seqs.at(-1) === head, 'the last event');
      // What is parsed by then is what the client has.
      if (connection < RESETS) stream.socket.resetAndDestroy();
      else stream.close();
      for (const { event } of stream.frames) {
        if (event !== 'ready' && event !== 'changed') throw new Error(`a frame ${event}`);
      }
      seqs.push(...stream.seqs);
      cursor = stream.lastEventId ?? cursor;
      if (connection === RESETS) return seqs;
    }
  };

  const bursting = burst();
  const following = Array.from({ length: CLIENTS }, (_, client) => follow(client));
  const closed = () => node.logged.filter(({ msg }) => msg === 'stream closed');
  await until(() => closed().length >= CLIENTS * RESETS, 'all the resets');
  isWriting = false;
  await bursting;
  head = 2 + 100 * written.length;
  const to = head;
  const faults = (await Promise.all(following)).map((seqs) => findFault(seqs, 3, to)).filter(Boolean);
  t.strictSame(faults, [], 'each was told of each event once, in order');
  t.comment(`${CLIENTS * RESETS} resets, ${head} events`);
  t.equal(findFault(witness.seqs, 3, head), undefined, 'the one that stays was told of all in time');

  t.strictSame([...new Set(closed().map(({ reason }) => reason))], ['client'], 'each has left, none has failed');
  witness.close();
  await until(() => node.app.openStreams.size === 0, 'no stream to be open');
  t.equal(node.app.registry.size, 0);
  const board = await holdBoard(node, boardId);
  t.equal(board.holders, 1, 'only this test holds the board');
  node.app.hub.release(board);
  const connections = promisify(node.app.server.getConnections.bind(node.app.server));
  // All that `fetch` keeps alive.
  await until(async () => ((await connections()) ?? 0) <= 2, 'their connections to be gone');
  t.strictSame(warnings, [], 'no listener is left behind');
  t.strictSame(
    node.logged.filter(({ level }) => Number(level) >= 40).map(({ msg }) => msg),
    [],
    'nothing is worth a warning',
  );
});
