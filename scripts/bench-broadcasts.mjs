// What moving cursors cost the events of the same board: a hundred people, twenty moves a second each.

import { fork } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { openBenchStream, percentile, signUp, startBenchNode } from './bench-node.mjs';

const PEOPLE = 100;
const MOVES_PER_SECOND = 20;
const OBSERVERS = 4;
const SECONDS = 8;
const WRITE_INTERVAL_MS = 40;

/** @typedef {import('./bench-broadcasts-crowd.mjs').Counts} Counts */

const node = await startBenchNode();
const { post } = await signUp(node.url);
const { board } = await post('/boards', { name: 'Bench' });
/** @type {string[]} their cookies */
const people = [];
for (let count = 0; count < PEOPLE; count += 1) people.push((await signUp(node.url)).cookie);
const sql = new pg.Client({ connectionString: node.databaseUrl });
await sql.connect();
await sql.query(
  `insert into teamboard.members (board_id, user_id, role) select $1, id, 'editor' from teamboard.users on conflict do nothing`,
  [board.id],
);
await sql.end();

/** When each write began, by its text. @type {Map<string, number>} */
const writes = new Map();
/** @type {{ toFrame: number[], toAnswer: number[], broadcast: number[] }} */
let times = { toFrame: [], toAnswer: [], broadcast: [] };
const streams = await Promise.all(
  Array.from({ length: OBSERVERS }, () => openBenchStream(node.url, board.id, people[0] ?? '', observer())),
);
const crowd = fork(fileURLToPath(new URL('./bench-broadcasts-crowd.mjs', import.meta.url)), [
  JSON.stringify({ url: node.url, boardId: board.id, cookies: people, perSecond: MOVES_PER_SECOND }),
]);
/** @returns {Promise<Counts>} */
const nextCounts = () =>
  new Promise((resolve) => crowd.once('message', (counts) => resolve(/** @type {Counts} */ (counts))));
await nextCounts();

// In turns, because the machine may have other things to do: compare neighbours.
for (const moving of [0, PEOPLE, 0, PEOPLE / 2, 0, PEOPLE, 0]) await measure(moving);
crowd.kill();
for (const stream of streams) stream.destroy();
await node.stop();

/** @returns {(data: Buffer) => void} notes when the events of our writes come, and one broadcast of each piece */
function observer() {
  let rest = '';
  return (data) => {
    const at = performance.now();
    const now = Date.now();
    const received = rest + data;
    const end = received.lastIndexOf('\n\n') + 2;
    rest = received.slice(end);
    const whole = received.slice(0, end);
    const sentAt = /"sentAt":(\d+)/.exec(whole)?.[1];
    if (sentAt !== undefined) times.broadcast.push(now - Number(sentAt));
    if (!whole.includes('event:changed')) return;
    for (const [, text = ''] of whole.matchAll(/"text":"(note [^"]*)"/g)) {
      const startedAt = writes.get(text);
      if (startedAt !== undefined) times.toFrame.push(at - startedAt);
    }
  };
}

/** @param {number} moving how many people move from now on. @returns {Promise<Counts>} so far */
function move(moving) {
  crowd.send(moving);
  return nextCounts();
}

/** @param {number} moving */
async function measure(moving) {
  await move(moving);
  await write(1);
  times = { toFrame: [], toAnswer: [], broadcast: [] };
  const cpuMs = await node.cpuMs();
  const before = await move(moving);
  const startedAt = performance.now();
  await write(SECONDS);
  const seconds = (performance.now() - startedAt) / 1000;
  report(moving, seconds, ((await node.cpuMs()) - cpuMs) / 1000, before, await move(moving));
}

/** @param {number} seconds */
async function write(seconds) {
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    const text = `note ${Math.random()}`;
    const startedAt = performance.now();
    writes.set(text, startedAt);
    await post(`/boards/${board.id}/items`, { text });
    times.toAnswer.push(performance.now() - startedAt);
    await delay(Math.max(0, WRITE_INTERVAL_MS - (performance.now() - startedAt)));
  }
}

/**
 * @param {number} moving
 * @param {number} seconds
 * @param {number} cpuSeconds of the node
 * @param {Counts} before
 * @param {Counts} after
 */
function report(moving, seconds, cpuSeconds, before, after) {
  const inMs = (/** @type {number[]} */ values) =>
    `p50 ${percentile(values, 0.5).toFixed(1)}, p99 ${percentile(values, 0.99).toFixed(1)} ms`;
  console.log(
    `${moving} people move: event to frame ${inMs(times.toFrame)}, write to answer ${inMs(times.toAnswer)} ` +
      `(${times.toAnswer.length} writes); the node takes ${((cpuSeconds / seconds) * 100).toFixed(0)} % of a core`,
  );
  if (moving === 0) return;
  const taken = (after.answers[202] ?? 0) - (before.answers[202] ?? 0);
  const deliveries = after.deliveries - before.deliveries;
  const dropped = Math.max(0, 1 - deliveries / (taken * (PEOPLE - 1)));
  const refused = Object.entries(after.answers)
    .filter(([status]) => status !== '202')
    .map(([status, count]) => `, ${count - (before.answers[status] ?? 0)} answers ${status}`);
  console.log(
    `  ${(taken / seconds).toFixed(0)} of ${moving * MOVES_PER_SECOND} broadcasts/s, ${after.late - before.late} left ` +
      `out by the clients${refused.join('')}; to the frame ${inMs(times.broadcast)}; ` +
      `${(deliveries / seconds).toFixed(0)} deliveries/s, ${(dropped * 100).toFixed(2)} % dropped`,
  );
}
