// Owns reading PostgreSQL's lock file, which says who serves a data folder and whether it is ready.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from './embedded-postgres-error.ts';

export interface PostmasterPid {
  pid: number;
  socketFolder: string;
  /** It accepts connections. */
  ready: boolean;
}

/** Returns where the lock file of a data folder is. */
export function postmasterPidFile(folder: string): string {
  return join(folder, 'postmaster.pid');
}

/** Returns what the lock file of the data folder says, or undefined without one. */
export async function readPostmasterPid(folder: string): Promise<PostmasterPid | undefined> {
  const text = await readFile(postmasterPidFile(folder), 'utf8').catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  // Lines: pid, data folder, start time, port, socket folder, listen address, shared memory, status.
  const [pid, , , , socketFolder = '', , , status = ''] = text.split('\n');
  return { pid: Number(pid), socketFolder, ready: status.startsWith('ready') };
}
