// An application of examples/, started as its README says, beside a node on the same database.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { findFreePort } from './free-port.ts';
import { textOf } from './pages.ts';
import { type NodeProcess, spawnNode } from './process.ts';
import { projectPath, readProjectFile, root } from './project.ts';
import { run } from './shell.ts';
import { createEmptyDatabase, createRole, dropDatabase, dropRole } from './test-cluster.ts';
import { until } from './until.ts';

/** On a machine that does much else. */
const STARTED_MS = 120_000;

export interface Example {
  /** Of the application, without a slash at the end. */
  url: string;
  /** Of Teamboard, the same over restarts. */
  teamboard: string;
  databaseUrl: string;
  stopTeamboard(): Promise<void>;
  startTeamboard(): Promise<void>;
}

/** Of an application that cannot run here: its tests are skipped. */
export const nowhere: Example = {
  url: '',
  teamboard: '',
  databaseUrl: '',
  stopTeamboard: async () => {},
  startTeamboard: async () => {},
};

export interface ExampleOptions {
  readme: string;
  /** As the README has them: here another database, and free ports. */
  database: string;
  application: string;
  /** Of the application's process, beside what the README sets. */
  environment?: Record<string, string>;
}

/** Runs the blocks below "The application", "Teamboard" and "What it tells". All of it ends with the test. */
export async function startExample(t: Test, options: ExampleOptions): Promise<Example> {
  const databaseUrl = await useOwnDatabase(t);
  const [port, teamboardPort] = [await findFreePort(), await findFreePort()];
  const [url, teamboard] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${teamboardPort}`];
  const { port: documented } = new URL(options.application);
  const block = (heading: string) =>
    textOf(options.readme, heading)
      .replaceAll(options.database, `'${databaseUrl}'`)
      .replaceAll(documented, String(port));

  const settings = [...block('Teamboard').matchAll(/^export (\w+)=('?)(.*)\2$/gm)];
  const environment = Object.fromEntries(settings.map(([, name, , value]) => [name, value]));
  let node: NodeProcess;
  const startTeamboard = async () => {
    node = await spawnNode(t, { ...environment, PORT: String(teamboardPort) });
  };
  await startApplication(t, block('The application'), url, {
    TEAMBOARD_URL: teamboard,
    // Rails does not take it from the address.
    PGHOST: new URLSearchParams(databaseUrl.split('?')[1]).get('host') ?? '',
    ...options.environment,
  });
  await startTeamboard();
  await run(t, block('What it tells'), root);
  return {
    url,
    teamboard,
    databaseUrl,
    startTeamboard,
    stopTeamboard: async () => {
      node.kill('SIGINT');
      await node.exit();
    },
  };
}

/** Empty, and of a role that may do nothing else. */
async function useOwnDatabase(t: Test): Promise<string> {
  const name = `example_${randomBytes(6).toString('hex')}`;
  await createRole(name);
  t.teardown(() => dropRole(name));
  const url = await createEmptyDatabase(name, `owner ${name}`);
  t.teardown(() => dropDatabase(name));
  // As Rails takes it: no user without a host.
  return `${url.replace('//postgres@/', '///')}&user=${name}`;
}

async function startApplication(t: Test, commands: string, url: string, environment: Record<string, string>) {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn('bash', ['-euo', 'pipefail', '-c', commands], {
    cwd: root,
    // Without tap's variables; and a group of its own, for servers that have children.
    env: { PATH, HOME, ...environment },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => {
      output = (output + data).slice(-4000);
    });
  }
  const closed = once(child, 'close');
  const kill = () => child.exitCode ?? child.signalCode ?? process.kill(-(child.pid ?? 0), 'SIGKILL');
  process.once('exit', kill);
  t.teardown(async () => {
    kill();
    await closed;
    process.removeListener('exit', kill);
  });
  await until(
    async () => {
      if (child.exitCode !== null) throw new Error(`the application ended: ${output}`);
      return (await fetch(url, { signal: AbortSignal.timeout(30_000) }).catch(() => undefined))?.ok;
    },
    () => `the application to answer: ${output}`,
    STARTED_MS,
  );
}

/** @returns how many lines of code are in the files and folders, without blank ones and comments */
export function sizeOf(...paths: string[]): number {
  return paths
    .flatMap(filesOf)
    .flatMap((path) => readProjectFile(path).split('\n'))
    .filter((line) => /^\s*(?!#|\/\/|--|""")\S/.test(line)).length;
}

function filesOf(path: string): string[] {
  if (statSync(projectPath(path)).isFile()) return [path];
  return readdirSync(projectPath(path)).flatMap((name) => filesOf(join(path, name)));
}
