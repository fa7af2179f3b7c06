// Owns whether a server of the data folder lives on this machine, also where its process cannot be seen from here.
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { EmbeddedPostgresError, hasCode } from './embedded-postgres-error.ts';
import { until } from './until.ts';

/** PostgreSQL looks each minute whether its lock file is still there, and ends at once when it is not. */
const noticeTimeoutMs = 90_000;

/**
 * Makes the mark, a pipe with a name beside the folder: the kernel knows whether a living process has it open for
 * reading, in whichever container. Returns what the server is to inherit, and the caller to close; undefined where no such
 * pipe can be made, as on some network file systems.
 */
export async function openServedMark(folder: string): Promise<FileHandle | undefined> {
  // There the server dies with the process that started it.
  if (process.platform === 'win32') return undefined;
  await removeServedMark(folder);
  try {
    await promisify(execFile)('mkfifo', ['-m', '600', markOf(folder)]);
    return await open(markOf(folder), constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}

/** For when the server has ended. */
export async function removeServedMark(folder: string): Promise<void> {
  await rm(markOf(folder), { force: true });
}

/**
 * Resolves when no server has the mark. The caller must hold the claim, and the lock file of the server must be gone.
 * @throws EmbeddedPostgresError when one stays
 */
export async function untilUnserved(folder: string, log: { warn(msg: string): void }): Promise<void> {
  if (!(await isServed(folder))) return;
  log.warn(
    'A run that cannot be seen from here, as in another container, has left its PostgreSQL in this data folder; ' +
      'waiting until that notices and ends, which takes up to a minute',
  );
  if (await until(async () => !(await isServed(folder)), noticeTimeoutMs)) return;
  throw new EmbeddedPostgresError(
    `${folder} is served by a PostgreSQL that cannot be seen from here; end it, or its container, or set DATA_DIR`,
  );
}

async function isServed(folder: string): Promise<boolean> {
  try {
    const writer = await open(markOf(folder), constants.O_WRONLY | constants.O_NONBLOCK);
    await writer.close();
    return true;
  } catch (error) {
    // fifo(7): nobody reads it.
    if (hasCode(error, 'ENXIO', 'ENOENT')) return false;
    throw error;
  }
}

function markOf(folder: string): string {
  return `${folder}.served`;
}
