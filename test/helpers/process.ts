// Nodes of Teamboard as processes of their own, as a user starts them: bundled with the tests, since a node starts in half
// the CPU then.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Timings } from '../../src/timings.ts';
import { projectPath } from './project.ts';
import type { Teardown } from './teardown.ts';
import { unlimited } from './unlimited.ts';
import { until } from './until.ts';

// Coverage goes by the file: what a bundle has of one would be counted as functions of their own.
const isCovered = process.env._TAPJS_PROCESSINFO_COVERAGE_ === '1';
const cli = projectPath(isCovered ? 'build/src/cli.js' : 'build/bundled/cli.js');
const quickNode = projectPath(isCovered ? 'build/test/helpers/quick-node.js' : 'build/bundled/quick-node.js');
/** For a second or two of work, on a machine that starts many at once. One that has ended is not waited for. */
const STARTED_MS = 180_000;

export interface NodeProcess {
  url: string;
  pid: number;
  /** What it has printed, both streams. */
  readonly output: string;
  /** What it has logged, parsed. */
  readonly logged: Array<Record<string, unknown>>;
  /** As a reader that has gone. */
  closeOutput(): void;
  kill(signal: NodeJS.Signals): void;
  /** Resolves when it has ended. */
  exit(): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/** Runs the command line to its end. */
export async function runCli(
  t: Teardown,
  args: string[],
  environment: Record<string, string>,
  options: ProcessOptions = {},
) {
  const child = startCli(t, args, environment, options);
  const { code } = await child.exit();
  return { code, output: child.output };
}

export interface ProcessOptions {
  /** A folder in whose `node_modules` a Teamboard is installed: that one is run, and in there. Default: the one of the tests. */
  installedIn?: string;
  /** How many file descriptors it may have (`ulimit -n`); default: as many as this process. */
  openFiles?: number;
  /** Where its standard output and error go: a path; default: to this process. Its `output` is empty then. */
  outputPath?: string;
  /** Default: the real ones. */
  timings?: Timings;
}

/** Starts a node on a free port; resolves when it listens. It is killed with the test, if it is still there. */
export async function spawnNode(
  t: Teardown,
  environment: Record<string, string>,
  options: ProcessOptions = {},
): Promise<NodeProcess> {
  const node = startCli(t, ['serve'], { PORT: '0', ...environment }, options);
  const { PORT: port = '0' } = environment;
  const url = await until(
    async () => {
      if (node.hasEnded()) throw new Error(`the node ended: ${node.output}`);
      if (options.outputPath === undefined) return /Teamboard listens on (\S+),/.exec(node.output)?.[1];
      const address = `http://127.0.0.1:${port}`;
      const alive = await fetch(`${address}/livez`, { signal: AbortSignal.timeout(1000) }).catch(() => undefined);
      return alive?.ok && address;
    },
    'the node to listen',
    STARTED_MS,
  );
  return {
    url,
    pid: node.child.pid ?? 0,
    closeOutput: () => {
      node.child.stdout?.destroy();
      node.child.stderr?.destroy();
    },
    get output() {
      return node.output;
    },
    get logged() {
      const lines = node.output.split('\n').slice(0, -1);
      return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
    },
    kill: (signal) => void node.child.kill(signal),
    exit: node.exit,
  };
}

/** A test that takes too long is ended without its teardowns. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Runs the command line, whatever becomes of it. It is ended with the test. */
export function startCli(
  t: Teardown,
  args: string[],
  environment: Record<string, string>,
  { installedIn, openFiles, outputPath, timings }: ProcessOptions = {},
) {
  const { PATH = '', HOME = '', TMPDIR } = process.env;
  const variables = {
    PATH,
    HOME,
    ...(TMPDIR && { TMPDIR }),
    ...unlimited,
    ...environment,
  };
  const settings = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  // `env -i` takes off what tap puts into the environment of each child, which would make it a part of the coverage.
  const file = installedIn === undefined ? cli : join(installedIn, 'node_modules/.bin/teamboard');
  const script = timings ? [quickNode, JSON.stringify(timings)] : [file, ...args];
  const command = ['/usr/bin/env', '-i', ...settings, process.execPath, ...script];
  const shell = [
    ...(openFiles === undefined ? [] : [`ulimit -n ${openFiles}`]),
    ...(outputPath === undefined ? [] : [`exec >'${outputPath}' 2>&1`]),
  ];
  const limited = shell.length === 0 ? command : ['/bin/sh', '-c', `${shell.join('; ')}; exec "$@"`, 'sh', ...command];
  const child: ChildProcess = spawn(limited[0] ?? '', limited.slice(1), {
    cwd: installedIn,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout?.on('data', (data) => {
    output += data;
  });
  child.stderr?.on('data', (data) => {
    output += data;
  });
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  let ended = false;
  running.add(child);
  void closed.then(() => {
    ended = true;
    running.delete(child);
  });
  t.teardown(async () => {
    if (ended) return;
    // One that a test has paused hears nothing else.
    child.kill('SIGCONT');
    child.kill('SIGINT');
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 10_000).unref())]);
    child.kill('SIGKILL');
  });
  return {
    child,
    hasEnded: () => ended,
    get output() {
      return output;
    },
    exit: async () => {
      const [code, signal] = await closed;
      return { code, signal };
    },
  };
}
