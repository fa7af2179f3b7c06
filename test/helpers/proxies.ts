// Proxies as docs/proxies.md has them: the files of deploy/, on a free port of 127.0.0.1, in front of nodes of a test.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePort } from './free-port.ts';
import { textOf } from './pages.ts';
import { readProjectFile } from './project.ts';
import type { Teardown } from './teardown.ts';
import { until } from './until.ts';

interface Proxy {
  /** With the place of its configuration, and of what else it writes, to come. */
  command: (file: string, folder: string, port: number) => string[];
  /** In `deploy/`. */
  file: string;
  /** Makes the lines of the file a whole configuration for this port. */
  whole: (lines: string, port: number, folder: string) => string;
  /** Of the page: what writes the file with the answer for streams. */
  answer?: string;
}

const modules = ['mpm_event', 'authz_core', 'alias', 'asis', 'headers', 'proxy', 'proxy_http'];
const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

export const proxies = {
  nginx: {
    command: (file, folder) => ['nginx', '-c', file, '-p', folder],
    file: 'nginx.conf',
    whole: (lines, port, folder) =>
      `daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/log; events { worker_connections 256; }
       http { access_log off; ${temporary.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ')}
       ${lines.replace('listen 80;', `listen 127.0.0.1:${port};`)} }`,
  },
  caddy: {
    command: (file) => ['caddy', 'run', '--adapter', 'caddyfile', '--config', file],
    file: 'Caddyfile',
    whole: (lines, port) => `{\nadmin off\n}\n${lines.replace('boards.example {', `http://127.0.0.1:${port} {`)}`,
  },
  haproxy: {
    command: (file) => ['haproxy', '-db', '-f', file],
    file: 'haproxy.cfg',
    whole: (lines, port) => lines.replace('bind :80', `bind 127.0.0.1:${port}`),
    answer: 'HAProxy',
  },
  apache2: {
    command: (file) => ['apache2', '-DFOREGROUND', '-f', file],
    file: 'apache.conf',
    whole: (lines, port, folder) =>
      `ServerRoot ${folder}\nServerName localhost\nDefaultRuntimeDir ${folder}\nPidFile ${folder}/pid\nErrorLog ${folder}/log
Listen 127.0.0.1:${port}\n${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
${lines.replace('*:80', `*:${port}`)}`,
    answer: 'Apache',
  },
  varnishd: {
    command: (file, folder, port) => [
      'varnishd',
      '-F',
      '-j',
      'none',
      '-a',
      `127.0.0.1:${port}`,
      '-f',
      file,
      '-n',
      `${folder}/work`,
    ],
    file: 'varnish.vcl',
    whole: (lines) => lines,
  },
} satisfies Record<string, Proxy>;

export type ProxyName = keyof typeof proxies;

export interface RunningProxy {
  /** Without a slash at the end. */
  url: string;
  pid: number;
}

/**
 * It answers when this resolves, whether its nodes do or not, and ends with the test.
 *
 * @param ports of the nodes: those of `127.0.0.1:3000` in the file; the others for nginx alone
 */
export async function startProxy(
  t: Teardown,
  name: ProxyName,
  ...[nodePort, ...others]: number[]
): Promise<RunningProxy> {
  const { command, file, whole, answer }: Proxy = proxies[name];
  const folder = mkdtempSync(join(tmpdir(), `teamboard-${name}-`));
  // Some read it as another user.
  chmodSync(folder, 0o755);
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const port = await findFreePort();
  const at = (text: string) => text.replaceAll(/\/etc\/(haproxy|apache2)\//g, `${folder}/`);
  const env = { PATH: process.env.PATH, HOME: folder };
  if (answer) {
    const writing = spawn('sh', ['-c', at(textOf('docs/proxies.md', answer, 2))], { stdio: 'ignore', env });
    await once(writing, 'exit');
  }
  const server = (of: number | undefined) => `  server 127.0.0.1:${of} max_fails=1 fail_timeout=1s;\n`;
  const lines = at(readProjectFile(`deploy/${file}`))
    .replace(server(3000), [nodePort, ...others].map(server).join(''))
    .replaceAll('127.0.0.1:3000', `127.0.0.1:${nodePort}`)
    .replace('.port = "3000"', `.port = "${nodePort}"`);
  const path = join(folder, 'conf');
  writeFileSync(path, whole(lines, port, folder));
  const [program = '', ...options] = command(path, folder, port);
  const running = spawn(program, options, { stdio: ['ignore', 'pipe', 'pipe'], env });
  let output = '';
  for (const stream of [running.stdout, running.stderr]) {
    stream.on('data', (data) => {
      output += data;
    });
  }
  const hasEnded = () => running.exitCode !== null || running.signalCode !== null;
  t.teardown(async () => {
    running.kill('SIGTERM');
    if (!hasEnded()) await once(running, 'exit');
  });
  const url = `http://127.0.0.1:${port}`;
  await until(async () => {
    if (hasEnded()) throw new Error(`${name} ended: ${output}`);
    return fetch(`${url}/livez`).then(
      () => true,
      () => false,
    );
  }, name);
  return { url, pid: running.pid ?? 0 };
}
