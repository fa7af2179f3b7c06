// `npm run dev`: compiles on every change of src/, and starts the node anew when that went without an error.

import { spawn, spawnSync } from 'node:child_process';
import { watch } from 'node:fs';
import { createRequire } from 'node:module';

const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');

// A child ends when this process lets go of it, or dies: without that, a killed `npm run dev` would leave a compiler, a
// node and its PostgreSQL behind.
const endWithParent = [
  '--import',
  `data:text/javascript,process.on('disconnect', () => process.kill(process.pid, 'SIGINT')); process.channel.unref();`,
];

/** @type {import('node:child_process').ChildProcess | undefined} */
let node;
let stopping = false;
/** @type {Promise<void>} */
let restarting = Promise.resolve();
let restartIsDue = false;

function startNode() {
  // In a process group of its own: a Ctrl-C must reach it once. Twice would end it before its PostgreSQL has stopped.
  const child = spawn(process.execPath, ['--enable-source-maps', ...endWithParent, 'dist/cli.js', 'serve'], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    detached: process.platform !== 'win32',
  });
  child.once('exit', () => {
    if (node === child) node = undefined;
  });
  node = child;
}

/** @returns {Promise<void>} resolves when the node is gone */
function stopNode() {
  const child = node;
  if (!child) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    if (child.connected) child.disconnect();
  });
}

/** Changes that come while the node stops make one restart. */
function restart() {
  if (restartIsDue) return;
  restartIsDue = true;
  restarting = restarting.then(async () => {
    await stopNode();
    restartIsDue = false;
    if (stopping) return;
    spawnSync(process.execPath, ['scripts/finish-build.mjs', 'src', 'dist'], { stdio: 'inherit' });
    startNode();
  });
}

const compiler = spawn(
  process.execPath,
  [...endWithParent, tsc, '-p', 'tsconfig.build.json', '--watch', '--preserveWatchOutput', '--pretty'],
  { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] },
);
compiler.stdout?.setEncoding('utf8');
compiler.stdout?.on('data', (/** @type {string} */ text) => {
  process.stdout.write(text);
  if (text.includes('Found 0 errors')) restart();
});
compiler.once('exit', () => {
  void stop();
});

// The compiler sees only what it compiles: neither SQL nor what runs in pages.
const watcher = watch('src', { recursive: true }, (_, path) => {
  if (node && /\.(?:sql|lua)$|^(?:client|web)\b/.test(path ?? '')) restart();
});

async function stop() {
  if (stopping) return;
  stopping = true;
  watcher.close();
  compiler.kill();
  await restarting;
  await stopNode();
}

process.on('SIGINT', stop);
process.on('SIGTERM', stop);
