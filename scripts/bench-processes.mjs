// What a benchmark runs beside the node: the clients and the bare loop, each on a processor of its own where that can be.

import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const TICKS_PER_SECOND = 100;
const SERVER_CORE = 0;
const LOAD_CORE = 1;

/** @param {number | undefined} pid @param {number} core all its threads; where there is no taskset nothing happens */
function pin(pid, core) {
  spawnSync('taskset', ['-a', '-c', '-p', String(core), String(pid)], { stdio: 'ignore' });
}

/** @param {number | undefined} pid */
export function pinServer(pid) {
  pin(pid, SERVER_CORE);
}

/** @param {number | undefined} pid @returns {Promise<number>} its processor time so far */
export async function cpuMsOf(pid) {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
}

/**
 * @param {number} pid
 * @returns {Promise<number>} processor time so far of all its children, also of those that have ended
 */
export async function childCpuMsOf(pid) {
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ');
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  let sum = ((Number(fields[13]) + Number(fields[14])) * 1000) / TICKS_PER_SECOND;
  // One that ends meanwhile is counted with those that have ended the next time.
  for (const child of children) sum += await cpuMsOf(Number(child)).catch(() => 0);
  return sum;
}

/** @param {import('pg').Client} client @returns {Promise<number>} of the server that it is connected to */
export async function postgresPidOf(client) {
  const { rows } = await client.query(`select split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int as pid`);
  return rows[0].pid;
}

/** @param {number | undefined} pid @returns {Promise<number>} its memory now */
export async function rssKiBOf(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

/** @param {string} script beside this one */
function start(script) {
  const child = fork(fileURLToPath(new URL(script, import.meta.url)));
  const ask = async (/** @type {object} */ message) => {
    child.send(message);
    const [answer] = await once(child, 'message');
    return answer;
  };
  return { child, ask, stop: () => child.kill() };
}

/** Clients: see bench-load.mjs. */
export function startLoad() {
  const { child, ask, stop } = start('bench-load.mjs');
  pin(child.pid, LOAD_CORE);
  return {
    stop,
    /** @param {import('./bench-load.mjs').Opening} opening @returns {Promise<number>} milliseconds */
    open: async (opening) => (await ask({ open: opening })).opened,
    close: async () => ask({ close: true }),
    /** @param {number} countTo events that all streams together have got; then it begins anew */
    count: async (countTo) => ask({ countTo }),
  };
}

export async function startBareLoop() {
  const { child, stop } = start('bench-bare-loop.mjs');
  pinServer(child.pid);
  const [{ port }] = await once(child, 'message');
  return { pid: child.pid, port, stop, write: (/** @type {string} */ frame) => child.send({ frame }) };
}

/** @param {number[]} values */
export function median(values) {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
