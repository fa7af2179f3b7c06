// A storm: all streams of a board are cut and come back at once, each with a cursor some events back.

import http from 'node:http';
import pg from 'pg';
import { describeMs, signUp, startBenchNode } from './bench-node.mjs';

const STREAMS = 2000;
const EVENTS_BACK = 100;

const node = await startBenchNode();
const { cookie, post } = await signUp(node.url);
const { board } = await post('/boards', { name: 'Bench' });
const sql = new pg.Client({ connectionString: node.databaseUrl });
await sql.connect();
const insert = (/** @type {number} */ rows, /** @type {number} */ bytes) =>
  sql.query(
    `insert into teamboard.items (board_id, text) select $1, repeat('x', $3::int) from generate_series(1, $2::int)`,
    [board.id, rows, bytes],
  );

/**
 * @param {string | undefined} cursor
 * @param {(request: http.ClientRequest, response: http.IncomingMessage) => void} onResponse
 */
function open(cursor, onResponse) {
  const request = http.get(`${node.url}/boards/${board.id}/events`, {
    agent: false,
    headers: { cookie, accept: 'text/event-stream', ...(cursor && { 'last-event-id': cursor }) },
  });
  request.on('error', () => {});
  request.once('response', (response) => onResponse(request, response));
  return request;
}

// The board must be open on the node, as it is when others are still connected.
const keeper = open(undefined, (_request, response) => response.resume());
const snapshot = await fetch(`${node.url}/boards/${board.id}`, { headers: { cookie } });
const { cursor } = /** @type {{ cursor: string }} */ (await snapshot.json());
await insert(EVENTS_BACK, 200);
const last = `-${Number(cursor.split('-')[1]) + EVENTS_BACK}\n`;

/** Each page that is read is one scan of the index. */
const reads = async () => {
  const { rows } = await sql.query(
    `select coalesce(sum(idx_scan), 0)::int as pages, coalesce(sum(idx_tup_fetch), 0)::int as events
     from pg_stat_user_tables where relname = 'board_events'`,
  );
  return rows[0];
};
const cpuBefore = await node.cpuMs();
const readBefore = await reads();
const start = performance.now();
/** @type {number[]} */
const caughtUpMs = [];
let busy = 0;
/** @type {http.ClientRequest[]} */
const streams = [];
const comeBack = () => {
  const request = open(cursor, (_request, response) => {
    let tail = '';
    response.setEncoding('utf8');
    response.on('data', (text) => {
      tail = tail.slice(-40) + text;
      if (text.includes('event:close')) {
        busy += 1;
        setTimeout(comeBack, 200);
      } else if (tail.includes(last)) caughtUpMs.push(performance.now() - start);
      tail = text.slice(-40);
    });
  });
  streams.push(request);
};
for (let count = 0; count < STREAMS; count += 1) comeBack();
while (caughtUpMs.length < STREAMS && performance.now() - start < 60_000) await new Promise((r) => setTimeout(r, 20));
const cpuMs = (await node.cpuMs()) - cpuBefore;
await new Promise((resolve) => setTimeout(resolve, 1500));
console.log(`${caughtUpMs.length} of ${STREAMS} streams caught up ${EVENTS_BACK} events: ${describeMs(caughtUpMs)}`);
const read = await reads();
console.log(
  `  ${busy} were told to come back, ${cpuMs} ms of the node's processor time; ` +
    `${read.pages - readBefore.pages} pages of the log were read, ${read.events - readBefore.events} events`,
);
for (const stream of streams) stream.destroy();
keeper.destroy();

await sql.end();
await node.stop();
