// Owns what a killed run left behind: a server that still runs, or a lock file that names a process of others.
import { rm } from 'node:fs/promises';
import { removeSocketFolder } from './endpoint.ts';
import { shutDown } from './postgres-process.ts';
import { postmasterPidFile, readPostmasterPid } from './postmaster-pid.ts';
import { inspectProcess } from './process-table.ts';

/** Returns the setting, without meaning to PostgreSQL, by which a running server is known to be that of the folder. */
export function folderMark(folder: string): string {
  return `teamboard.data_folder=${folder}`;
}

/**
 * Stops the server that an earlier run left in the data folder, and clears its lock file.
 * The caller must hold the claim on the folder: then no living Teamboard uses that server.
 */
export async function stopOrphan(folder: string, log: { warn(msg: string): void }): Promise<void> {
  // On Windows the server dies with the process that started it.
  if (process.platform === 'win32') return;
  const found = await readPostmasterPid(folder);
  if (!found) return;
  const command = async () => (await inspectProcess(found.pid))?.command ?? '';
  const isOrphan = async () => (await command()).includes(` ${folderMark(folder)} `);

  if (await isOrphan()) {
    log.warn(`Stopping PostgreSQL (pid ${found.pid}), which an earlier run left in ${folder}`);
    await shutDown(found.pid, async () => !(await isOrphan()));
  } else if (/^(\S.*\/)?postgres /.test(await command())) {
    // Someone else's server, perhaps of this very folder. PostgreSQL knows for sure, and says so.
    return;
  }
  // PostgreSQL takes any living process of its user with that pid, even a zombie, for the server.
  await rm(postmasterPidFile(folder), { force: true });
  await removeSocketFolder(found.socketFolder);
}
