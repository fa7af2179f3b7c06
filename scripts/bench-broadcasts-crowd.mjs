// The crowd of bench-broadcasts, in a process of its own: each person has the board open and moves a cursor.

import net from 'node:net';
import { setPriority } from 'node:os';
import { openBenchStream } from './bench-node.mjs';

/**
 * @typedef {object} Counts
 * @property {number} sent requests
 * @property {number} late moves that were left out: the answer to the one before had not come yet
 * @property {Record<string, number>} answers by status
 * @property {number} deliveries frames that all streams together were told
 */

/** @typedef {{ socket?: net.Socket, request: string, isWaiting: boolean }} Person */

const MARK = Buffer.from('event:broadcast\n');
const TICK_MS = 5;

/** @type {{ url: string, boardId: string, cookies: string[], perSecond: number }} */
const { url, boardId, cookies, perSecond } = JSON.parse(process.argv[2] ?? '');
/** @type {Counts} */
const counts = { sent: 0, late: 0, answers: {}, deliveries: 0 };
// What is measured shares the processor with it.
setPriority(5);
const people = await Promise.all(cookies.map(join));
let moving = 0;
let startedAt = performance.now();
let moves = 0;

process.on('message', (/** @type {number} */ count) => {
  moving = count;
  startedAt = performance.now();
  moves = 0;
  process.send?.(counts);
});
process.send?.(counts);
setInterval(() => {
  // One after the other, so that they do not all move at once.
  const due = ((performance.now() - startedAt) / 1000) * perSecond * moving;
  for (; moves < due; moves += 1) move(/** @type {Person} */ (people[moves % moving]));
}, TICK_MS);

/** @param {string} cookie @returns {Promise<Person>} */
async function join(cookie) {
  let head = '';
  let streamId = '';
  /** @type {Buffer} */
  let rest = Buffer.alloc(0);
  await openBenchStream(url, boardId, cookie, (data) => {
    if (streamId === '') {
      head += data.toString('latin1');
      streamId = /"streamId":"([^"]+)"/.exec(head)?.[1] ?? '';
    }
    rest = count(Buffer.concat([rest, data]));
  });
  while (streamId === '') await new Promise((resolve) => setTimeout(resolve, 10));
  const { host } = new URL(url);
  const request = [
    `POST /boards/${boardId}/broadcasts HTTP/1.1`,
    `Host: ${host}`,
    `Cookie: ${cookie}`,
    `Stream-Id: ${streamId}`,
    'Content-Type: application/json',
    'Content-Length: ',
  ].join('\r\n');
  return { request, isWaiting: false };
}

/** At the first move: the server closes a connection over which no request comes. @param {Person} person */
function connect(person) {
  const { hostname, port } = new URL(url);
  const socket = net.connect(Number(port), hostname);
  socket.setNoDelay(true);
  socket.on('data', (data) => {
    const status = /^HTTP\/1\.1 (\d+)/.exec(data.toString('latin1'))?.[1];
    if (status === undefined) return;
    counts.answers[status] = (counts.answers[status] ?? 0) + 1;
    person.isWaiting = false;
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    delete person.socket;
    person.isWaiting = false;
  });
  person.socket = socket;
  return socket;
}

/** @param {Buffer} data @returns {Buffer} its end, in which a mark may begin */
function count(data) {
  let at = data.indexOf(MARK);
  let end = 0;
  while (at >= 0) {
    counts.deliveries += 1;
    end = at + MARK.length;
    at = data.indexOf(MARK, end);
  }
  return data.subarray(Math.max(end, data.length - MARK.length + 1));
}

/** @param {Person} person */
function move(person) {
  if (person.isWaiting) {
    counts.late += 1;
    return;
  }
  const body = `{"name":"cursor","data":{"x":${Math.random() * 1000},"y":${Math.random() * 1000},"sentAt":${Date.now()}}}`;
  person.isWaiting = true;
  (person.socket ?? connect(person)).write(`${person.request}${body.length}\r\n\r\n${body}`);
  counts.sent += 1;
}
