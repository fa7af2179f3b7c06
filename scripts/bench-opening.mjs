// What opening a stream costs, and what one takes while it is idle, beside what Node itself needs for it: in turns, medians.

import pg from 'pg';
import { signUp, startBenchNode } from './bench-node.mjs';
import { cpuMsOf, median, pinServer, rssKiBOf, startBareLoop, startLoad } from './bench-processes.mjs';

const STREAMS = 2000;
const USERS = 50;
const IDLE = Number(process.argv[3] ?? 8000);
const ROUNDS = Number(process.argv[2] ?? 5);

const node = await startBenchNode();
pinServer(node.pid);
const bare = await startBareLoop();
const load = startLoad();
const sql = new pg.Client({ connectionString: node.databaseUrl });
await sql.connect();
const { cookie, post } = await signUp(node.url);
const { board } = await post('/boards', { name: 'Bench' });
const cookies = [cookie];
while (cookies.length < USERS) cookies.push((await signUp(node.url)).cookie);
await sql.query(
  `insert into teamboard.members (board_id, user_id, role) select $1, id, 'editor' from teamboard.users on conflict do nothing`,
  [board.id],
);
const path = `/boards/${board.id}/events`;
const servers = {
  bare: { pid: bare.pid, port: bare.port },
  node: { pid: node.pid, port: Number(new URL(node.url).port) },
};

/** @param {keyof typeof servers} name @param {number} count @param {number} atOnce */
async function open(name, count, atOnce) {
  const { pid, port } = servers[name];
  const before = await cpuMsOf(pid);
  const statementsBefore = await statements();
  const ms = await load.open({ port, path, cookies, count, atOnce });
  const cpuMs = (await cpuMsOf(pid)) - before;
  return { cpuMs: cpuMs / count, perSecond: (count * 1000) / ms, statements: (await statements()) - statementsBefore };
}

/** Of the node: each of its statements is a transaction. */
async function statements() {
  await sql.query('select pg_stat_clear_snapshot()');
  const { rows } = await sql.query(
    'select xact_commit::int as count from pg_stat_database where datname = current_database()',
  );
  return rows[0].count;
}

const close = async () => {
  await load.close();
  await new Promise((resolve) => setTimeout(resolve, 1500));
};

// First of all: what a process has had once it does not give back.
for (const name of /** @type {const} */ (['bare', 'node'])) {
  const before = await rssKiBOf(servers[name].pid);
  await open(name, IDLE, 100);
  await new Promise((resolve) => setTimeout(resolve, 5000));
  const after = await rssKiBOf(servers[name].pid);
  console.log(`${name}, ${IDLE} idle streams: ${((after - before) / IDLE).toFixed(1)} KiB of memory each`);
  await close();
}

for (const atOnce of [1, 50, STREAMS]) {
  /** @type {Record<'bare' | 'node', Array<{ cpuMs: number, perSecond: number, statements: number }>>} */
  const rounds = { bare: [], node: [] };
  const count = atOnce === 1 ? 300 : STREAMS;
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const name of /** @type {const} */ (['bare', 'node'])) {
      const figures = await open(name, count, atOnce);
      await close();
      // The first round is for what is made once.
      if (round > 0) rounds[name].push(figures);
    }
  }
  const of = (/** @type {'bare' | 'node'} */ name, /** @type {'cpuMs' | 'perSecond' | 'statements'} */ figure) =>
    median(rounds[name].map((figures) => figures[figure]));
  console.log(
    `${count} streams, ${atOnce} at once: ${of('node', 'cpuMs').toFixed(3)} ms of processor time each, ` +
      `bare ${of('bare', 'cpuMs').toFixed(3)} (${(of('node', 'cpuMs') / of('bare', 'cpuMs')).toFixed(1)} times); ` +
      `${of('node', 'perSecond').toFixed(0)}/s, bare ${of('bare', 'perSecond').toFixed(0)}/s; ${of('node', 'statements')} statements`,
  );
}

load.stop();
bare.stop();
await sql.end();
await node.stop();
