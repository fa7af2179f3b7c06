// Compiles src/ into dist/, and says so: it takes a while.
//
//   node scripts/build.mjs [--if-stale]   with it, only when something has changed since the last time

import { spawnSync } from 'node:child_process';
import { readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/** As old as what was compiled: what changes meanwhile is newer. */
const stamp = 'dist/.built';
const settings = [
  ...['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'],
  ...['scripts/build.mjs', 'scripts/finish-build.mjs', 'scripts/bundle-client.mjs', 'scripts/bundle-web.mjs'],
];

if (process.argv[2] !== '--if-stale' || isStale()) build();

function build() {
  const startedAt = new Date();
  process.stderr.write('Compiling Teamboard, which takes some seconds the first time …\n');
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  for (const args of [
    [tsc, '-p', 'tsconfig.build.json'],
    ['scripts/finish-build.mjs', 'src', 'dist'],
  ]) {
    const { status } = spawnSync(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    if (status !== 0) process.exit(status ?? 1);
  }
  writeFileSync(stamp, '');
  utimesSync(stamp, startedAt, startedAt);
}

function isStale() {
  const builtAt = timeOf(stamp);
  if (builtAt === undefined) return true;
  // A folder is as new as the last file that came into it or went.
  const sources = /** @type {string[]} */ (readdirSync('src', { recursive: true })).map((path) => join('src', path));
  return [...settings, 'src', ...sources].some((path) => (timeOf(path) ?? 0) > builtAt);
}

/** @param {string} path @returns milliseconds; undefined when it is not there */
function timeOf(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}
