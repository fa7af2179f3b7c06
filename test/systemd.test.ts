// deploy/teamboard.service agrees with the code: what it starts, how long it waits, and what it leaves writable.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { exitCodes } from '../src/commands/failure.ts';
import { loadConfig } from '../src/config/config.ts';
import { settingNames } from '../src/config/settings.ts';
import { CLOSE_MS } from '../src/server.ts';
import { textOf } from './helpers/pages.ts';
import { readProjectFile as read } from './helpers/project.ts';
import { needs } from './helpers/shell.ts';

const text = read('deploy/teamboard.service');
const lineOf = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(text)?.[1];
const packageJson = JSON.parse(read('package.json')) as { name: string; bin: { teamboard: string } };
const environment = Object.fromEntries(
  (lineOf('Environment') ?? '').split(' ').map((pair) => pair.split('=')),
) as Record<string, string>;

t.test('it starts node itself, with what the tarball has, as a user who is not root', async (t) => {
  const installed = `node_modules/${packageJson.name}/${packageJson.bin.teamboard}`;
  t.equal(lineOf('ExecStart'), `/usr/bin/node /opt/teamboard/${installed} serve`);
  t.match(text, ` /opt/teamboard/${packageJson.bin.teamboard}.\n`, 'and says what it is of a checkout');
  t.equal(lineOf('User'), 'teamboard');
  t.equal(lineOf('CapabilityBoundingSet'), '');
  t.equal(lineOf('NoNewPrivileges'), 'true');
});

t.test('the signal drains, to node alone, and there is time for the longest drain', async (t) => {
  t.equal(lineOf('KillSignal'), 'SIGTERM');
  t.equal(lineOf('KillMode'), 'mixed', 'no signal goes to the embedded database');
  const closing = `, and the ${CLOSE_MS / 1000} s that closing may take`;
  const longest = Number(new RegExp(`the longest DRAIN_SECONDS, (\\d+)${closing}`).exec(text)?.[1]);
  t.equal(loadConfig({ DRAIN_SECONDS: String(longest) }).drainSeconds, longest);
  t.throws(() => loadConfig({ DRAIN_SECONDS: String(longest + 1) }), 'no longer one is a setting');
  t.ok(Number(lineOf('TimeoutStopSec')) > longest + CLOSE_MS / 1000);
});

t.test('it is started again, for ever, but not with a setting that is wrong', async (t) => {
  t.equal(lineOf('Restart'), 'always');
  t.equal(lineOf('StartLimitIntervalSec'), '0');
  t.equal(lineOf('RestartPreventExitStatus'), String(exitCodes.usage));
});

t.test('what it writes lies where it may write', async (t) => {
  t.equal(lineOf('ProtectSystem'), 'strict');
  const folders = (lineOf('StateDirectory') ?? '').split(' ').map((name) => `/var/lib/${name}`);
  t.strictSame([environment.DATA_DIR, environment.TMPDIR], folders);
  t.ok(Buffer.byteLength(environment.TMPDIR ?? '') <= 60, 'short enough for a socket: system-user.ts');
  t.ok(folders.includes(lineOf('WorkingDirectory') ?? ''));
  const others = ['NODE_ENV', 'TMPDIR'];
  for (const name of Object.keys(environment)) t.ok(settingNames.includes(name) || others.includes(name), name);
});

t.test('it may do what it has to do', async (t) => {
  t.ok(
    Number(lineOf('LimitNOFILE')) > 2 * loadConfig({}).streamsPerNode,
    'descriptors for all streams, and as many requests',
  );
  t.equal(lineOf('MemoryDenyWriteExecute'), undefined, 'V8 writes the code that it runs');
  t.strictSame(
    lineOf('RestrictAddressFamilies')?.split(' '),
    ['AF_UNIX', 'AF_INET', 'AF_INET6'],
    'sockets of the embedded database and of others, and both kinds of the Internet',
  );
});

t.test('the page makes the user, the folder and the file of settings that it names', async (t) => {
  const commands = textOf('docs/systemd.md', 'A service of systemd');
  t.match(commands, / teamboard\n/);
  t.match(commands, `--prefix ${lineOf('ExecStart')?.split(' ')[1]?.split('/node_modules')[0]} `);
  t.match(commands, ` ${lineOf('EnvironmentFile')}\n`);
});

t.test('systemd takes it', needs('systemd-analyze'), async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'teamboard-systemd-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const unit = join(folder, 'teamboard.service');
  // It looks whether the program is there.
  writeFileSync(unit, text.replace('/usr/bin/node', process.execPath));
  const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' });
  t.strictSame({ status, says: `${stdout}${stderr}` }, { status: 0, says: '' });
});
