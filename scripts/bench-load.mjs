// The clients of the benchmarks, in a process of their own: it opens streams over plain sockets, and counts what they get.
// Told what to do by messages of its parent; `opened` and `counted` answer.

import net from 'node:net';

/** @typedef {{ port: number, path: string, cookies: string[], count: number, atOnce: number, cursor?: string }} Opening */

const EVENT = 'event:changed';
/** @type {net.Socket[]} */
const sockets = [];
let events = 0;

/**
 * @param {Opening} opening
 * @param {number} index
 * @returns {Promise<void>} resolves with the first frame
 */
function openOne({ port, path, cookies, cursor }, index) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1' });
    sockets.push(socket);
    let isOpen = false;
    let head = '';
    let tail = Buffer.alloc(0);
    socket.once('error', reject);
    socket.once('connect', () => {
      const last = cursor === undefined ? '' : `last-event-id: ${cursor}\r\n`;
      const cookie = cookies[index % cookies.length] ?? '';
      socket.write(
        `GET ${path} HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\ncookie: ${cookie}\r\n${last}\r\n`,
      );
    });
    socket.on('data', (data) => {
      if (!isOpen) {
        head += data.toString('latin1');
        if (!head.includes('event:ready')) {
          if (/^HTTP\/1.1 [^2]|event:close/.test(head)) reject(new Error(head));
          return;
        }
        isOpen = true;
        resolve();
      }
      // One may begin at the end of what came before.
      if (Buffer.concat([tail, data.subarray(0, EVENT.length - 1)]).includes(EVENT)) events += 1;
      tail = data.length < EVENT.length ? Buffer.concat([tail, data]) : data;
      tail = tail.subarray(Math.max(0, tail.length - EVENT.length + 1));
      for (let at = data.indexOf(EVENT); at >= 0; at = data.indexOf(EVENT, at + EVENT.length)) events += 1;
    });
  });
}

/** @param {Opening} opening */
async function open(opening) {
  const start = performance.now();
  let begun = 0;
  const next = async () => {
    while (begun < opening.count) {
      begun += 1;
      await openOne(opening, begun - 1);
    }
  };
  await Promise.all(Array.from({ length: opening.atOnce }, next));
  return performance.now() - start;
}

process.on('message', async (/** @type {any} */ { open: opening, close, countTo }) => {
  if (opening) process.send?.({ opened: await open(opening) });
  if (countTo !== undefined) {
    while (events < countTo) await new Promise((resolve) => setTimeout(resolve, 1));
    events = 0;
    process.send?.({ counted: performance.now() });
  }
  if (close) {
    for (const socket of sockets.splice(0)) socket.destroy();
    process.send?.({ closed: true });
  }
});
