// A node with a low `ulimit -n`, and more clients than it can have connections.

import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import t from 'tap';
import { Client } from '../helpers/client.ts';
import { type EventStream, oneOfTwo, openStream } from '../helpers/event-stream.ts';
import { useDatabase } from '../helpers/node.ts';
import { spawnNode } from '../helpers/process.ts';
import { findFaults } from '../helpers/seqs.ts';
import { until } from '../helpers/until.ts';

/** Enough for the start, which reads hundreds of modules; of an idle node about 40 are in use. */
const OPEN_FILES = 256;
const STREAMS = 3;
/** More than its pool has connections to PostgreSQL. */
const REQUESTS = 15;

t.test(
  'a node that a crowd leaves no file descriptors keeps those it needs, and takes more when it can (E5, E8)',
  async (t) => {
    const { url, sql } = await useDatabase(t);
    const node = await spawnNode(t, { DATABASE_URL: url, HEARTBEAT_SECONDS: '1' }, { openFiles: OPEN_FILES });
    const port = Number(new URL(node.url).port);
    const ada = await Client.signUp(node);
    const boardId = await ada.createBoard();
    const streams: EventStream[] = [];
    for (let opened = 0; opened < STREAMS; opened += 1) {
      const stream = await openStream(t, node.url, boardId, { ...ada, beside: oneOfTwo(opened, []) });
      await stream.next('ready');
      streams.push(stream);
    }
    // Connections that are there already, as those of a proxy are.
    const agent = new http.Agent({ keepAlive: true, maxSockets: REQUESTS });
    t.teardown(() => agent.destroy());
    const request = async (method: string, path: string, body?: object) => {
      const headers = { cookie: ada.cookie, ...(body && { 'content-type': 'application/json' }) };
      const sent = http.request(node.url + path, { method, agent, headers });
      t.teardown(() => sent.destroy());
      sent.end(body && JSON.stringify(body));
      const [response] = (await once(sent, 'response')) as [http.IncomingMessage];
      response.resume();
      return response;
    };
    const times = (count: number, make: () => Promise<http.IncomingMessage>) =>
      Promise.all(Array.from({ length: count }, make));
    const write = () => request('POST', `/boards/${boardId}/items`, { text: 'x' });
    await times(REQUESTS, () => request('GET', '/livez'));

    const crowd: net.Socket[] = [];
    const disperse = () => {
      for (const socket of crowd) socket.destroy();
    };
    t.teardown(disperse);
    const refused = () => crowd.filter(({ closed }) => closed).length;
    /** Comes until somebody is refused, and stays. */
    const gather = async () => {
      const before = refused();
      for (let count = 0; count < OPEN_FILES; count += 1) {
        crowd.push(net.connect(port, '127.0.0.1').on('error', () => {}));
      }
      await until(() => refused() > before, 'somebody to be refused');
    };
    await gather();
    t.ok(crowd.length - refused() > OPEN_FILES / 2, `${refused()} of ${OPEN_FILES} are refused`);

    const writes = await times(REQUESTS, write);
    t.ok(
      writes.every(({ statusCode }) => statusCode === 201),
      'the crowd has not taken the connections to the database',
    );
    const opened = await times(REQUESTS, () => request('GET', `/boards/${boardId}/events`));
    t.strictSame(
      opened.map(({ statusCode }) => statusCode),
      Array(REQUESTS).fill(200),
      'any other status would end an EventSource for good',
    );
    for (const response of opened) response.destroy();
    await gather();
    await sql(`insert into teamboard.items (board_id, text) values ($1, 'by another')`, [boardId]);
    // For so long that everything that comes by the clock has come: the look for vanished clients, the probes, the sweep.
    const beats = () => streams[0]?.heartbeats.length ?? 0;
    const beatsBefore = beats();
    await until(() => beats() >= beatsBefore + 6, 'more heartbeats');
    t.strictSame(
      node.logged.filter(({ msg }) => /unanswered packets|connection lost|failed/.test(String(msg))),
      [],
      'nothing has given up',
    );
    t.match(
      node.logged.filter(({ level }) => Number(level) >= 40),
      [{ msg: /^fewer file descriptors than streams may need: / }, { msg: /^as many connections as / }],
      'the log tells, once',
    );

    disperse();
    await until(async () => (await Client.signUp(node).catch(() => undefined)) !== undefined, 'new connections');
    const fresh = await openStream(t, node.url, boardId, ada);
    await fresh.next('ready');
    t.ok((await times(REQUESTS, write)).every(({ statusCode }) => statusCode === 201));
    const head = 2 + REQUESTS + 1 + REQUESTS;
    t.strictSame(await findFaults(streams, { from: 3, to: head }), [], 'the open streams went on');
    t.strictSame(await findFaults([fresh], { from: head - REQUESTS + 1, to: head }), [], 'and so does the new one');
  },
);
