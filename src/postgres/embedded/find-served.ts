// Owns finding the server of a data folder that another Teamboard on this machine runs, for a command beside it.
import { realpath } from 'node:fs/promises';
import { databaseName } from './embedded-postgres.ts';
import { socketUrl } from './endpoint.ts';
import { folderMark } from './orphan.ts';
import { readPostmasterPid } from './postmaster-pid.ts';
import { inspectProcess } from './process-table.ts';

/** @returns a string for node-postgres; undefined when no server of ours serves the folder, or none that can be seen */
export async function findServed(dataDir: string): Promise<string | undefined> {
  // There it listens on a port that only its own Teamboard knows.
  if (process.platform === 'win32') return undefined;
  const folder = await realpath(dataDir).catch(() => dataDir);
  const found = await readPostmasterPid(folder).catch(() => undefined);
  if (!found?.ready) return undefined;
  const { command = '' } = (await inspectProcess(found.pid)) ?? {};
  return command.includes(` ${folderMark(folder)} `) ? socketUrl(found.socketFolder, databaseName) : undefined;
}
