// What the benchmarks share: a node of its own with an embedded database, clients that count, and figures.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cpuMsOf, rssKiBOf } from './bench-processes.mjs';

const cli = fileURLToPath(new URL('../dist/cli.js', import.meta.url));

/**
 * @typedef {object} BenchNode
 * @property {string} url
 * @property {number | undefined} pid
 * @property {string} databaseUrl of its embedded PostgreSQL
 * @property {() => Promise<number>} cpuMs processor time of the node's process so far
 * @property {() => Promise<number>} rssMiB its memory now
 * @property {() => Promise<void>} stop
 */

/**
 * Starts a node on a free port and in a new folder, with limits that no benchmark meets.
 * @returns {Promise<BenchNode>}
 */
export async function startBenchNode() {
  const dataDir = await mkdtemp(join(tmpdir(), 'teamboard-bench-'));
  const child = spawn(process.execPath, [...process.execArgv, cli, 'serve'], {
    env: {
      ...process.env,
      PORT: '0',
      DATA_DIR: dataDir,
      LOG_LEVEL: 'warn',
      STREAMS_PER_USER: '1000000',
      WRITES_PER_SECOND: '1000000',
      ACCOUNTS_PER_MINUTE: '1000000',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  for await (const data of child.stdout) {
    output += data;
    if (output.includes('Teamboard listens on')) break;
  }
  const url = /Teamboard listens on (\S+),/.exec(output)?.[1];
  if (!url) throw new Error(`the node did not start: ${output}`);
  const [pid = '', , , , socketFolder = ''] = (
    await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')
  ).split('\n');
  if (!pid) throw new Error('no PostgreSQL');
  return {
    url,
    pid: child.pid,
    databaseUrl: `postgres://postgres@/teamboard?host=${encodeURIComponent(socketFolder)}&sslmode=disable`,
    cpuMs: () => cpuMsOf(child.pid),
    rssMiB: async () => (await rssKiBOf(child.pid)) / 1024,
    stop: async () => {
      child.kill('SIGINT');
      await once(child, 'exit');
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/**
 * @param {string} url
 * @returns {Promise<{ cookie: string, post: (path: string, body: unknown) => Promise<any> }>} a new guest
 */
export async function signUp(url) {
  const post = async (/** @type {string} */ path, /** @type {unknown} */ body, cookie = '') => {
    const response = await fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', cookie },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response;
  };
  const response = await post('/guests', { name: 'Bench' });
  const [cookie = ''] = response.headers.getSetCookie().map((field) => field.split(';')[0] ?? '');
  return { cookie, post: async (path, body) => (await post(path, body, cookie)).json() };
}

/**
 * Opens a stream; resolves when it is ready.
 * @param {string} url
 * @param {string} boardId
 * @param {string} cookie
 * @param {(data: Buffer) => void} onData
 * @returns {Promise<http.ClientRequest>}
 */
export function openBenchStream(url, boardId, cookie, onData) {
  return openAt(`${url}/boards/${boardId}/events`, cookie, onData);
}

/**
 * The same of many boards.
 * @param {string} url
 * @param {string[]} boardIds
 * @param {string} cookie
 * @param {(data: Buffer) => void} onData
 * @returns {Promise<http.ClientRequest>}
 */
export function openManyBenchStream(url, boardIds, cookie, onData) {
  return openAt(`${url}/events?boards=${boardIds.join()}`, cookie, onData);
}

/**
 * @param {string} url
 * @param {string} cookie
 * @param {(data: Buffer) => void} onData
 * @returns {Promise<http.ClientRequest>}
 */
function openAt(url, cookie, onData) {
  return new Promise((resolve, reject) => {
    const request = http.get(url, {
      agent: false,
      headers: { cookie, accept: 'text/event-stream' },
    });
    request.once('error', reject);
    request.once('response', (response) => {
      if (response.statusCode !== 200) reject(new Error(`the stream answered ${response.statusCode}`));
      response.once('data', () => resolve(request));
      response.on('data', onData);
      response.on('error', () => {});
    });
  });
}

/** @param {number[]} values @param {number} share */
export function percentile(values, share) {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** @param {number[]} values in milliseconds */
export function describeMs(values) {
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => percentile(values, share).toFixed(1));
  return `p50 ${p50} ms, p95 ${p95} ms, p99 ${p99} ms (${values.length} times)`;
}
