// compose.yaml agrees with the code, the image and nginx: settings, addresses, ports, times and checks.

import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { BlockList, isIPv4 } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { parse } from 'yaml';
import { type Config, loadConfig } from '../src/config/config.ts';
import { settingNames } from '../src/config/settings.ts';
import { CLOSE_MS } from '../src/server.ts';
import { imageEnvironment, valuesOf } from './helpers/dockerfile.ts';
import { findFreePort } from './helpers/free-port.ts';
import { startNode, useDatabase } from './helpers/node.ts';
import { textOf } from './helpers/pages.ts';
import { projectPath, readProjectFile as read } from './helpers/project.ts';
import { needs } from './helpers/shell.ts';

interface Service {
  build?: string;
  image: string;
  command?: string[];
  environment?: Record<string, string>;
  stop_grace_period?: string;
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test: string[]; timeout: string };
  ulimits?: { nofile: number };
  ports?: string[];
  volumes?: string[];
  networks: string[] | Record<string, { ipv4_address?: string } | null>;
}

interface Compose {
  services: Record<string, Service>;
  networks: { front: { ipam: { config: Array<{ subnet: string }> } }; back: { internal: boolean } };
  volumes: Record<string, null>;
}

const text = read('compose.yaml');
const variables = /\$\{(\w+):([?-])([^}]*)\}/g;
const secrets = new Set([...text.matchAll(variables)].flatMap(([, name = '', sign]) => (sign === '?' ? name : [])));
/** With variables as .env has them. */
const { services, networks, volumes } = parse(
  text.replaceAll(variables, (_all, name: string, sign: string) => (sign === '?' ? `${name}-of-env` : '')),
  { merge: true },
) as Compose;
const nginx = read('deploy/compose-nginx.conf');
const serviceOf = (name: string) => {
  const service = services[name];
  if (!service) throw new Error(`compose.yaml has no service ${name}`);
  return service;
};
const addressOf = ({ networks: own }: Service) => (Array.isArray(own) ? undefined : own.front?.ipv4_address);
const networksOf = ({ networks: own }: Service) => (Array.isArray(own) ? own : Object.keys(own)).sort();
const configOf = ({ environment = {} }: Service): Config => loadConfig({ ...imageEnvironment, ...environment });
const nodes = ['node1', 'node2'].map(serviceOf);
const secondsOf = (duration = '') => Number(/^(\d+)s$/.exec(duration)?.[1]);

t.test('nodes and migrations run what the image has, with settings that the code reads', async (t) => {
  for (const service of [...nodes, serviceOf('migrate')]) {
    t.strictSame([service.build, service.image], ['.', 'teamboard']);
    for (const name of Object.keys(service.environment ?? {})) t.ok(settingNames.includes(name), name);
    t.strictSame(service.environment, nodes[0]?.environment, 'all have the same');
  }
  const [command = ''] = valuesOf('CMD');
  const [program, file] = JSON.parse(command) as string[];
  t.strictSame(serviceOf('migrate').command, [program, file, 'migrate']);
  for (const { command } of nodes) t.equal(command, undefined, 'that of the image');
});

t.test('each address leads to a service on a network that both have', async (t) => {
  const ports: Record<string, string> = { postgres: '5432', redis: '6379' };
  for (const service of nodes) {
    for (const address of [service.environment?.DATABASE_URL, service.environment?.REDIS_URL]) {
      const { hostname, port } = new URL(address ?? '');
      t.equal(port, ports[hostname], hostname);
      const shared = networksOf(serviceOf(hostname)).filter((name) => networksOf(service).includes(name));
      t.strictSame(shared, ['back']);
    }
  }
  t.equal(networks.back.internal, true);
  const { username, pathname, password } = new URL(nodes[0]?.environment?.DATABASE_URL ?? '');
  const { POSTGRES_USER, POSTGRES_DB, POSTGRES_PASSWORD } = serviceOf('postgres').environment ?? {};
  t.strictSame([username, pathname.slice(1), password], [POSTGRES_USER, POSTGRES_DB, POSTGRES_PASSWORD]);
  const { command = [], environment } = serviceOf('redis');
  const redisPassword = new URL(nodes[0]?.environment?.REDIS_URL ?? '').password;
  t.equal(command[command.indexOf('--requirepass') + 1], redisPassword);
  t.equal(environment?.REDISCLI_AUTH, redisPassword);
});

t.test('a password has no default, and the page makes each', async (t) => {
  t.strictSame([...secrets].sort(), ['POSTGRES_PASSWORD', 'REDIS_PASSWORD']);
  for (const name of secrets)
    t.match(textOf('docs/compose.md', 'Two nodes with Compose'), `${name}=$(openssl rand -hex `);
  t.equal(configOf(nodes[0] as Service).publicUrl, undefined, 'what may be left out may be empty');
});

t.test('nginx does what deploy/nginx.conf does, in front of these nodes', async (t) => {
  const isOwn = (line: string) => line !== '' && !line.startsWith('#');
  const linesOf = (config: string) => config.split('\n').map((line) => line.trim());
  const lines = linesOf(nginx);
  const inHttp = lines.slice(lines.indexOf('access_log off;') + 1, lines.lastIndexOf('}')).filter(isOwn);
  const one = 'server 127.0.0.1:3000 ';
  const expected = linesOf(read('deploy/nginx.conf')).flatMap((line) =>
    line.startsWith(one)
      ? nodes.map((node) => line.replace(one, `server ${addressOf(node)}:${imageEnvironment.PORT} `))
      : line,
  );
  t.strictSame(inHttp, expected.filter(isOwn));
  const { volumes: mounted = [], ports = [], ulimits } = serviceOf('nginx');
  t.strictSame(mounted, ['./deploy/compose-nginx.conf:/etc/nginx/nginx.conf:ro']);
  t.match(ports[0], /^127\.0\.0\.1:\d+:80$/, 'for this machine alone, to the port that it listens on');
  const numberOf = (name: string) => Number(new RegExp(`\\b${name} (\\d+);`).exec(nginx)?.[1]);
  const streams = nodes.reduce((sum, node) => sum + configOf(node).streamsPerNode, 0);
  t.ok(numberOf('worker_connections') > 2 * streams, 'two connections for each stream');
  t.equal(numberOf('worker_rlimit_nofile'), ulimits?.nofile);
  t.ok(numberOf('worker_rlimit_nofile') > numberOf('worker_connections'));
});

t.test('nginx takes it', needs('nginx'), async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'teamboard-compose-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  const file = join(folder, 'nginx.conf');
  const whole = nginx
    .replace('listen 80;', `listen 127.0.0.1:${await findFreePort()};`)
    .replace('http {', `http {\n${temporary.join('\n')}`);
  writeFileSync(file, `pid ${folder}/pid;\nerror_log ${folder}/log;\n${whole}`);
  const { status, stderr } = spawnSync('nginx', ['-t', '-c', file], { encoding: 'utf8' });
  t.equal(status, 0, stderr);
});

t.test('nodes believe nginx, and have descriptors for their streams', async (t) => {
  const [{ subnet } = { subnet: '' }] = networks.front.ipam.config;
  const [network = '', bits] = subnet.split('/');
  const front = new BlockList();
  front.addSubnet(network, Number(bits));
  const addresses = [...nodes, serviceOf('nginx')].map((service) => addressOf(service) ?? '');
  t.equal(new Set(addresses).size, addresses.length);
  for (const address of addresses) t.ok(isIPv4(address) && front.check(address), address);
  for (const node of nodes) {
    t.strictSame(configOf(node).trustProxy, [subnet]);
    t.ok((node.ulimits?.nofile ?? 0) > 2 * configOf(node).streamsPerNode);
  }
  t.match(text, `nginx alone: ${addressOf(serviceOf('nginx'))}.`);
});

t.test('a node is given the time to end its streams', async (t) => {
  for (const node of nodes) {
    t.ok(secondsOf(node.stop_grace_period) > configOf(node).drainSeconds + CLOSE_MS / 1000);
  }
});

t.test('nodes wait for migrations, Redis and PostgreSQL, and nginx for nodes', async (t) => {
  const away = { postgres: 'service_healthy', redis: 'service_healthy', migrate: 'service_completed_successfully' };
  const conditionsOf = ({ depends_on = {} }: Service) =>
    Object.fromEntries(Object.entries(depends_on).map(([name, { condition }]) => [name, condition]));
  for (const node of nodes) t.strictSame(conditionsOf(node), away);
  t.strictSame(conditionsOf(serviceOf('migrate')), { postgres: 'service_healthy' });
  t.strictSame(conditionsOf(serviceOf('nginx')), { node1: 'service_healthy', node2: 'service_healthy' });
  for (const { depends_on = {} } of Object.values(services)) {
    for (const [name, { condition }] of Object.entries(depends_on)) {
      if (condition === 'service_healthy') t.ok(serviceOf(name).healthcheck, name);
    }
  }
});

t.test('the check of a node asks a route that is there, and fails where nobody listens', async (t) => {
  const database = await useDatabase(t);
  const node = await startNode(t, database.url);
  const { test: check = [] } = nodes[0]?.healthcheck ?? {};
  t.strictSame(check.slice(0, 3), ['CMD', 'node', '--eval']);
  const ask = (url: string) => {
    const code = String(check[3]).replace(`http://127.0.0.1:${imageEnvironment.PORT}/`, `${url}/`);
    t.not(code, check[3], 'it asks the port of the image');
    return promisify(execFile)(process.execPath, ['--eval', code]);
  };
  await t.resolves(ask(node.url));
  await t.rejects(ask(`http://127.0.0.1:${await findFreePort()}`), { code: 1 });
  const { test: ofNginx = [] } = serviceOf('nginx').healthcheck ?? {};
  t.equal((await fetch(node.url + new URL(ofNginx.at(-1) ?? '').pathname)).status, 200);
});

t.test('images are of one major version, and what is mounted and kept is there', async (t) => {
  for (const [name, { build, image, volumes: mounted = [] }] of Object.entries(services)) {
    if (build === undefined) t.match(image, /^[a-z]+:\d+(\.\d+)?$/, name);
    for (const mount of mounted) {
      const [source = ''] = mount.split(':');
      t.ok(source.startsWith('./') ? existsSync(projectPath(source)) : source in volumes, source);
    }
  }
  t.match(text, 'postgres:/var/lib/postgresql"', 'where the image keeps its data since version 18');
});
