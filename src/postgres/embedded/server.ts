// Owns the running server: its settings, when it is ready, how it ends.
import pg from 'pg';
import type { Binaries } from './binaries.ts';
import { pathSeenBy } from './cluster.ts';
import type { Endpoint } from './endpoint.ts';
import { folderMark } from './orphan.ts';
import { type Exit, failure, type RunningProgram, shutDown, startProgram } from './postgres-process.ts';
import { readPostmasterPid } from './postmaster-pid.ts';
import { openServedMark, removeServedMark } from './served-mark.ts';
import type { SystemUser } from './system-user.ts';
import { until } from './until.ts';

// Recovery after a crash may have much to replay.
const readyTimeoutMs = 60_000;

interface ServerOptions {
  folder: string;
  user: SystemUser | undefined;
  binaries: Binaries;
  endpoint: Endpoint;
  logFile: string;
}

export interface Server {
  /** Resolves when the server is gone, whatever the reason. */
  ended: Promise<Exit>;
  stop(): Promise<void>;
}

/** Starts the server on an existing cluster and resolves when it accepts connections. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { folder, user, binaries, endpoint, logFile } = options;
  const mark = await openServedMark(folder);
  const program = await startProgram({
    file: binaries.postgres,
    args: [
      ...['-D', await pathSeenBy(user, folder), '-c', folderMark(folder)],
      ...Object.entries(endpoint.settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    folder,
    user,
    logFile,
    mark,
  }).finally(() => mark?.close());
  // A process that ends at once, as at a second signal, does not wait for it: then it ends by itself.
  const leave = () => void tellToStop(program);
  process.once('exit', leave);
  void program.ended.then(() => process.removeListener('exit', leave));
  const isReady = async () => {
    const found = await readPostmasterPid(folder);
    return found?.pid === program.pid && found.ready;
  };
  const stop = () => stopServer(program, options);
  try {
    const settled = await until(async () => program.isGone() || (await isReady()), readyTimeoutMs);
    if (program.isGone()) throw await failure('The embedded PostgreSQL did not start', logFile);
    if (!settled) throw await failure(`The embedded PostgreSQL was not ready after ${readyTimeoutMs} ms`, logFile);
  } catch (error) {
    await stop();
    throw error;
  }
  return { ended: program.ended, stop };
}

/** Windows ends it with this process. */
function tellToStop({ pid, isGone }: RunningProgram): void {
  if (process.platform !== 'win32' && !isGone()) process.kill(pid, 'SIGINT');
}

async function stopServer(program: RunningProgram, { folder, user, binaries, logFile }: ServerOptions): Promise<void> {
  if (process.platform === 'win32') {
    // Windows has no signals; kill() would end the server without a checkpoint.
    const args = ['stop', '-D', folder, '-m', 'fast'];
    if (!program.isGone()) await (await startProgram({ file: binaries.pgCtl, args, folder, user, logFile })).ended;
  } else {
    await shutDown(program.pid, program.isGone);
  }
  await program.ended;
  await removeServedMark(folder);
}

/** Makes sure that the database exists. */
export async function ensureDatabase(endpoint: Endpoint, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: endpoint.url('postgres') });
  // A lost connection rejects the query as well; without a listener it would also end this process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rowCount } = await client.query('select from pg_database where datname = $1', [name]);
    if (!rowCount) await client.query(`create database ${client.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
}
