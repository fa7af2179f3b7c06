// What clients cost that stop reading: each of them is sent far more than it may have waiting.

import { readFile } from 'node:fs/promises';
import http from 'node:http';
import pg from 'pg';
import { signUp, startBenchNode } from './bench-node.mjs';

const STALLED = 200;
const MIB_EACH = 10;
const ROWS = 100;
const ROW_BYTES = 10_000;
const PAGE_KIB = 4;

const node = await startBenchNode();
const { cookie, post } = await signUp(node.url);
const { board } = await post('/boards', { name: 'Bench' });
const sql = new pg.Client({ connectionString: node.databaseUrl });
await sql.connect();

/** @returns {Promise<http.ClientRequest>} a stream whose client has taken the head, and takes nothing more */
const openStalled = () =>
  new Promise((resolve, reject) => {
    const headers = { cookie, accept: 'text/event-stream' };
    const request = http.get(`${node.url}/boards/${board.id}/events`, { agent: false, headers });
    request.once('response', (response) => response.once('readable', () => resolve(request)));
    request.on('error', () => {}).once('error', reject);
  });

/** What the kernel keeps for all sockets of the host. */
const kernelKiB = async () => {
  const [, pages] = /^TCP:.* mem (\d+)/m.exec(await readFile('/proc/net/sockstat', 'utf8')) ?? [];
  return Number(pages) * PAGE_KIB;
};

const stalled = [];
for (let count = 0; count < STALLED; count += 1) stalled.push(await openStalled());
const before = { rss: await node.rssMiB(), kernel: await kernelKiB() };
let most = before.rss;
for (let pushed = 0; pushed < MIB_EACH * 1024 * 1024; pushed += ROWS * ROW_BYTES) {
  await sql.query(
    `insert into teamboard.items (board_id, text) select $1, repeat('x', $3::int) from generate_series(1, $2::int)`,
    [board.id, ROWS, ROW_BYTES],
  );
  await new Promise((resolve) => setTimeout(resolve, 300));
  most = Math.max(most, await node.rssMiB());
}
const rise = most - before.rss;
console.log(
  `${STALLED} stalled clients, ${MIB_EACH} MiB for each: memory rose from ${before.rss.toFixed(0)} to at most ` +
    `${most.toFixed(0)} MiB, ${((rise * 1024) / STALLED).toFixed(0)} KiB each; ` +
    `the kernel keeps ${(((await kernelKiB()) - before.kernel) / STALLED).toFixed(0)} KiB for each, both ends together`,
);
for (const stream of stalled) stream.destroy();
await sql.end();
await node.stop();
