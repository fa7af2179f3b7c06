// What delivering an event to many streams costs, beside what Node itself needs for it: in turns, medians.

import pg from 'pg';
import { signUp, startBenchNode } from './bench-node.mjs';
import { cpuMsOf, median, pinServer, startBareLoop, startLoad } from './bench-processes.mjs';

const STREAMS = 2000;
const EVENTS = 100;
const ROUNDS = Number(process.argv[2] ?? 7);
const TEXT = 'A note of ordinary length, as people write them.';

const node = await startBenchNode();
pinServer(node.pid);
const bare = await startBareLoop();
const loads = { node: startLoad(), bare: startLoad() };
const { cookie, post } = await signUp(node.url);
const { board } = await post('/boards', { name: 'Bench' });
const path = `/boards/${board.id}/events`;
const port = Number(new URL(node.url).port);
await loads.node.open({ port, path, cookies: [cookie], count: STREAMS, atOnce: 50 });
await loads.bare.open({ port: bare.port, path, cookies: [cookie], count: STREAMS, atOnce: 50 });
const sql = new pg.Client({ connectionString: node.databaseUrl });
await sql.connect();
const insert = (rows = 1) =>
  sql.query('insert into teamboard.items (board_id, text) select $1, $2 from generate_series(1, $3::int)', [
    board.id,
    TEXT,
    rows,
  ]);

// A frame as the node writes it, for the other one.
const page = await (async () => {
  await insert();
  const response = await fetch(`${node.url}${path}?limit=1`, { headers: { cookie, accept: 'application/json' } });
  return /** @type {{ events: unknown[], cursor: string }} */ (await response.json());
})();
const frame = `event:changed\ndata:${JSON.stringify(page.events[0])}\nid:${page.cursor}\n\n`;
await loads.node.count(STREAMS);
console.log(`${STREAMS} streams, events of ${frame.length} bytes, ${ROUNDS} rounds of ${EVENTS} events, one at a time`);

/**
 * @param {number | undefined} pid
 * @param {{ count: (events: number) => Promise<unknown> }} load
 * @param {() => unknown} write
 * @returns {Promise<number>} deliveries for each second of its processor time
 */
async function deliver(pid, load, write) {
  const before = await cpuMsOf(pid);
  for (let event = 0; event < EVENTS; event += 1) {
    await write();
    await load.count(STREAMS);
  }
  return (EVENTS * STREAMS * 1000) / ((await cpuMsOf(pid)) - before);
}
/** @type {{ node: number[], bare: number[], ratios: number[] }} */
const rates = { node: [], bare: [], ratios: [] };
for (let round = 0; round < ROUNDS; round += 1) {
  const ofBare = await deliver(bare.pid, loads.bare, () => bare.write(frame));
  const ofNode = await deliver(node.pid, loads.node, insert);
  rates.bare.push(ofBare);
  rates.node.push(ofNode);
  rates.ratios.push(ofNode / ofBare);
}
const inThousands = (/** @type {number[]} */ values) => `${(median(values) / 1000).toFixed(0)}k`;
console.log(
  `deliveries per second of processor time: ${inThousands(rates.node)}, the bare loop ${inThousands(rates.bare)}: ` +
    `${median(rates.ratios).toFixed(2)} of it (${rates.ratios.map((ratio) => ratio.toFixed(2)).join(' ')})`,
);

const before = await node.cpuMs();
const start = performance.now();
const many = EVENTS * 5;
for (let event = 0; event < many; event += 10) await insert(10);
await loads.node.count(STREAMS * many);
const seconds = (performance.now() - start) / 1000;
console.log(
  `flooded by ${many} events: ${((STREAMS * many) / seconds / 1000).toFixed(0)}k deliveries/s, ` +
    `${((STREAMS * many) / ((await node.cpuMs()) - before)).toFixed(0)}k per second of processor time`,
);

for (const load of Object.values(loads)) load.stop();
bare.stop();
await sql.end();
await node.stop();
