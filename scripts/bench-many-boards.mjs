// What a stream of many boards costs, and what delivering an event to many of them costs, beside streams of one board.

import { openBenchStream, openManyBenchStream, percentile, signUp, startBenchNode } from './bench-node.mjs';

const STREAMS = 2000;
const BOARDS_EACH = 20;
/** So that each event goes to a thousand streams, of either kind. */
const BOARDS = 40;
const SINGLE_BOARDS = 2;
/** Both kinds in each round, one after the other: what else the machine does meets them alike. */
const ROUNDS = 21;
const EVENTS = 40;
const NOTE = 'A note of ordinary length, as people write them.';
/** By so much the id of a frame on a stream of these boards is longer than on one of one board. */
const LONGER = 150;

const node = await startBenchNode();
const { cookie, post } = await signUp(node.url);
/** @param {number} count */
const makeBoards = async (count) => {
  const ids = [];
  while (ids.length < count) ids.push((await post('/boards', { name: 'Bench' })).board.id);
  return ids;
};
const singles = await makeBoards(SINGLE_BOARDS);
const boards = await makeBoards(BOARDS);

let delivered = 0;
/** @param {Buffer} data */
const count = (data) => {
  for (let at = data.indexOf('event:changed'); at >= 0; at = data.indexOf('event:changed', at + 1)) delivered += 1;
};

/**
 * @param {string} what
 * @param {number} boards of each
 * @param {(index: number) => Promise<{ destroy(): unknown }>} open
 */
async function openAll(what, boards, open) {
  const [rssBefore, cpuBefore] = [await node.rssMiB(), await node.cpuMs()];
  /** @type {Array<{ destroy(): unknown }>} */
  const streams = [];
  for (let start = 0; start < STREAMS; start += 50) {
    streams.push(...(await Promise.all(Array.from({ length: 50 }, (_, index) => open(start + index)))));
  }
  const kib = (((await node.rssMiB()) - rssBefore) * 1024) / STREAMS;
  const ms = ((await node.cpuMs()) - cpuBefore) / STREAMS;
  console.log(
    `${STREAMS} ${what}: ${kib.toFixed(1)} KiB of memory each, ${(kib / boards).toFixed(1)} per board; ` +
      `opened in ${ms.toFixed(2)} ms of processor time each, ${(ms / boards).toFixed(2)} per board`,
  );
  return streams;
}

/**
 * @param {string[]} boards
 * @param {number} round
 * @param {string} text
 * @returns {Promise<number>} µs of the node's processor time for each delivery
 */
async function deliver(boards, round, text = NOTE) {
  delivered = 0;
  const cpuBefore = await node.cpuMs();
  for (let event = 0; event < EVENTS; event += 1) {
    const boardId = boards[(round * EVENTS + event) % boards.length];
    await post(`/boards/${boardId}/items`, { text });
    while (delivered < ((event + 1) * STREAMS) / 2) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return (((await node.cpuMs()) - cpuBefore) * 1000) / delivered;
}

const ones = await openAll('streams of one board', 1, (index) =>
  openBenchStream(node.url, singles[index % SINGLE_BOARDS] ?? '', cookie, count),
);
/** One of each two boards, and the stream after it has the other ones. */
const kinds = {
  'with two lists among them': (/** @type {number} */ index) => index & 1,
  // The boards are drawn by the bits of a number.
  'no two of the same': (/** @type {number} */ index, /** @type {number} */ at) =>
    ((Math.imul(index >> 1, 2654435761) >>> at) ^ index) & 1,
};
for (const [kind, which] of Object.entries(kinds)) {
  const list = (/** @type {number} */ index) =>
    Array.from({ length: BOARDS_EACH }, (_, at) => boards[2 * at + which(index, at)] ?? '');
  const many = await openAll(`streams of ${BOARDS_EACH} boards, ${kind}`, BOARDS_EACH, (index) =>
    openManyBenchStream(node.url, list(index), cookie, count),
  );
  /** @type {Array<[number, number, number]>} */
  const rounds = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const one = await deliver(singles, round);
    const asLong = await deliver(singles, round, NOTE.padEnd(NOTE.length + LONGER, '.'));
    rounds.push([one, asLong, await deliver(boards, round)]);
  }
  // The first round warms up.
  const measured = rounds.slice(1);
  /** @param {(round: [number, number, number]) => number} figure */
  const median = (figure) => percentile(measured.map(figure), 0.5);
  console.log(
    `an event to 1,000 of them: ${median(([, , many]) => many).toFixed(1)} µs of processor time each; ` +
      `to 1,000 of one board: ${median(([one]) => one).toFixed(1)}, ${median(([one, , many]) => many / one).toFixed(2)} times; ` +
      `with as many bytes: ${median(([, asLong]) => asLong).toFixed(1)}, ${median(([, asLong, many]) => many / asLong).toFixed(2)} times ` +
      `(medians of ${ROUNDS} rounds)`,
  );
  for (const stream of many) stream.destroy();
  // The node may have so many boards on its streams at most: those of before have to be gone.
  await new Promise((resolve) => setTimeout(resolve, 2000));
}

for (const stream of ones) stream.destroy();
await node.stop();
