// Owns starting and ending a PostgreSQL program as a child process.
import { spawn } from 'node:child_process';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EmbeddedPostgresError, hasCode } from './embedded-postgres-error.ts';
import type { SystemUser } from './system-user.ts';
import { until } from './until.ts';

const fastStopTimeoutMs = 10_000;
const immediateStopTimeoutMs = 10_000;

export interface Exit {
  code: number | null;
  signal: string | null;
}

export interface RunningProgram {
  pid: number;
  isGone(): boolean;
  /** Resolves when the program is gone. */
  ended: Promise<Exit>;
}

interface Program {
  file: string;
  args: string[];
  /** Becomes the working directory, entered before the user is changed. */
  folder: string;
  user: SystemUser | undefined;
  /** Receives what the program prints, at its end. */
  logFile: string;
  /** It and its children have this open, for as long as they live. */
  mark?: FileHandle | undefined;
}

/** Starts the program. @throws EmbeddedPostgresError when it cannot be executed */
export async function startProgram({ file, args, folder, user, logFile, mark }: Program): Promise<RunningProgram> {
  const log = await open(logFile, 'a', 0o600);
  try {
    const child = spawn(file, args, {
      cwd: folder,
      stdio: ['ignore', log.fd, log.fd, ...(mark ? [mark.fd] : [])],
      windowsHide: true,
      ...(process.platform !== 'win32' && {
        // A group of its own: Ctrl-C goes to the whole group of the terminal, and would end the database before the
        // server has drained. (On Windows the hidden console does that, and the child dies with this process.)
        detached: true,
        // Nothing inherited: a PGPORT or a locale that does not exist here would change or stop the server.
        env: { TZ: 'UTC', LC_ALL: 'C' },
      }),
      ...(user && { uid: user.uid | 0, gid: user.gid | 0 }),
    });
    const ended = new Promise<Exit>((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
    const pid = await new Promise<number>((resolve, reject) => {
      child.once('spawn', () => resolve(child.pid ?? Number.NaN)).once('error', reject);
    });
    return { pid, ended, isGone: () => child.exitCode !== null || child.signalCode !== null };
  } catch (cause) {
    // ENOENT for a file that exists means: its loader does not.
    const reason = hasCode(cause, 'ENOENT') ? 'it needs glibc, which Alpine does not have' : String(cause);
    throw new EmbeddedPostgresError(
      `The embedded PostgreSQL cannot be run here (${reason}); set DATABASE_URL to a PostgreSQL 15 or newer`,
      { cause },
    );
  } finally {
    await log.close();
  }
}

/** Asks a server to shut down fast, and if it is not gone after 10 s at once; both lose nothing that was committed. */
export async function shutDown(pid: number, isGone: () => boolean | Promise<boolean>): Promise<void> {
  for (const [signal, timeoutMs] of [
    ['SIGINT', fastStopTimeoutMs],
    ['SIGQUIT', immediateStopTimeoutMs],
  ] as const) {
    if (await isGone()) return;
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (!hasCode(error, 'ESRCH')) throw error;
    }
    if (await until(isGone, timeoutMs)) return;
  }
  throw new EmbeddedPostgresError(`The embedded PostgreSQL (pid ${pid}) does not stop; end it with kill -9 ${pid}`);
}

/** Returns the error for a program that failed: what happened and its last words, in one line. */
export async function failure(what: string, logFile: string): Promise<EmbeddedPostgresError> {
  const lines = (await readFile(logFile, 'utf8').catch(() => '')).split('\n').filter((line) => line.trim());
  const withoutPrefix = lines.map((line) => line.replace(/^\S+ \S+ UTC \[\d+\] /, '').trim());
  const lastWords = withoutPrefix.slice(-4).join(' | ');
  if (lines.some((line) => line.includes('No space left on device'))) {
    return new EmbeddedPostgresError(
      `${what}: the disk of ${dirname(logFile)} is full; make room on it, or set DATA_DIR`,
    );
  }
  const [, pid] = /lock file .* already exists.*\(PID (\d+)\)/.exec(lastWords) ?? [];
  if (pid) {
    return new EmbeddedPostgresError(
      `${what}: another PostgreSQL (pid ${pid}) uses its data folder in ${dirname(logFile)}; stop it, or set DATA_DIR`,
    );
  }
  return new EmbeddedPostgresError(`${what}: ${lastWords || 'it printed nothing'} (log: ${logFile})`);
}
