// What it costs to look back, on a board of 10,000 notes and 100,000 events: the board as it was, and what happened to a
// note.

import pg from 'pg';
import { describeMs, signUp, startBenchNode } from './bench-node.mjs';

const NOTES = 10_000;
const TURNS = 9;
const TIMES = 20;

const node = await startBenchNode();
const { cookie, post } = await signUp(node.url);
const { board } = await post('/boards', { name: 'Bench' });
const path = `${node.url}/boards/${board.id}`;

const client = new pg.Client({ connectionString: node.databaseUrl });
await client.connect();
await client.query(
  `insert into teamboard.items (board_id, text) select $1, 'Note ' || n || ', and what there is to say of it' from generate_series(1, $2::int) n`,
  [board.id, NOTES],
);
for (let turn = 1; turn <= TURNS; turn += 1) {
  await client.query('update teamboard.items set x = x + 1 where board_id = $1', [board.id]);
}
await client.query('analyze teamboard.items, teamboard.board_events');
const { rows } = await client.query('select id from teamboard.items where board_id = $1 order by random() limit $2', [
  board.id,
  TIMES,
]);
await client.end();

/** @param {string} address @returns {Promise<{ text: string, ms: number }>} */
async function get(address) {
  const start = performance.now();
  const response = await fetch(address, { headers: { cookie } });
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return { text, ms: performance.now() - start };
}

const { text: now } = await get(path);
/** @type {{ cursor: string }} */
const { cursor } = JSON.parse(now);
const head = Number(cursor.split('-')[1]);
const startMiB = await node.rssMiB();
let mostMiB = startMiB;
const looking = setInterval(async () => {
  mostMiB = Math.max(mostMiB, await node.rssMiB());
}, 20);

for (const share of [0, 0.1, 0.5, 0.9, 1]) {
  const times = [];
  let bytes = 0;
  for (let time = 0; time < TIMES; time += 1) {
    // Another place each time: who asks for the same one within 2 s gets what was read for the one before.
    const { text, ms } = await get(
      `${path}?at=${cursor.replace(/\d+$/, String(Math.round(NOTES + 2 + share * (head - NOTES - 2)) - time))}`,
    );
    times.push(ms);
    bytes = text.length;
  }
  console.log(`?at=, ${Math.round((1 - share) * 100)} % of ${head} events later: ${describeMs(times)}, ${bytes} bytes`);
}
clearInterval(looking);
console.log(`memory of the node: ${startMiB.toFixed()} MiB before, ${mostMiB.toFixed()} MiB at most`);

// The worst log for it: of nothing but transactions of 10,000 events, each of which is looked through for one of them.
const histories = [];
for (const { id } of rows) {
  let [events, ms] = [0, 0];
  for (let after = ''; after !== null; ) {
    const page = await get(`${path}/items/${id}/history${after && `?after=${after}`}`);
    const { events: more, next } = JSON.parse(page.text);
    [events, ms, after] = [events + more.length, ms + page.ms, next];
  }
  if (events !== TURNS + 1) throw new Error(`${events} events of ${id}`);
  histories.push(ms);
}
console.log(`history of a note, ${TURNS + 1} events: ${describeMs(histories)}`);

const start = performance.now();
let pages = 0;
for (let after = ''; after !== null; pages += 1) {
  const { text } = await get(`${path}/items?limit=500${after && `&after=${after}`}`);
  after = JSON.parse(text).next;
}
console.log(`all ${NOTES} notes in ${pages} pages: ${(performance.now() - start).toFixed(0)} ms`);

await node.stop();
