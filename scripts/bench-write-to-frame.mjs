// How long a write takes to reach a stream: from the start of the request, or of the SQL statement, to the bytes.

import pg from 'pg';
import { describeMs, openBenchStream, signUp, startBenchNode } from './bench-node.mjs';

const WRITES = 500;

const node = await startBenchNode();
const { cookie, post } = await signUp(node.url);
const { board } = await post('/boards', { name: 'Bench' });
/** @type {Map<string, (at: number) => void>} */
const waiting = new Map();
let received = '';
const stream = await openBenchStream(node.url, board.id, cookie, (data) => {
  const at = performance.now();
  received += data;
  for (const [, text = ''] of received.matchAll(/"text":"([^"]*)"[^\n]*\n\n/g)) {
    waiting.get(text)?.(at);
    waiting.delete(text);
  }
  received = received.slice(received.lastIndexOf('\n\n') + 2);
});

/** @param {(text: string) => Promise<unknown>} write */
async function measure(write) {
  /** @type {{ toFrame: number[], toAnswer: number[] }} */
  const times = { toFrame: [], toAnswer: [] };
  for (let count = 0; count < WRITES; count += 1) {
    const text = `note ${Math.random()}`;
    const seen = new Promise((resolve) => waiting.set(text, resolve));
    const start = performance.now();
    await write(text);
    times.toAnswer.push(performance.now() - start);
    times.toFrame.push(Number(await seen) - start);
  }
  return times;
}

const rest = await measure((text) => post(`/boards/${board.id}/items`, { text }));
console.log(`REST: request to answer   ${describeMs(rest.toAnswer)}`);
console.log(`REST: request to frame    ${describeMs(rest.toFrame)}`);

const client = new pg.Client({ connectionString: node.databaseUrl });
await client.connect();
const sql = await measure((text) =>
  client.query('insert into teamboard.items (board_id, text) values ($1, $2)', [board.id, text]),
);
console.log(`SQL: statement to frame   ${describeMs(sql.toFrame)}`);

for (const rows of [1000, 10_000]) {
  const start = performance.now();
  await client.query(
    'insert into teamboard.items (board_id, text) select $1, n::text from generate_series(1, $2::int) n',
    [board.id, rows],
  );
  console.log(`SQL: ${rows} rows in one statement, ${rows} events   ${(performance.now() - start).toFixed(0)} ms`);
}

await client.end();
stream.destroy();
await node.stop();
