// Owns the claim of one Teamboard process on a data folder, so that two never share it and none is shot away.
import { readdir, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { EmbeddedPostgresError, hasCode } from './embedded-postgres-error.ts';
import { inspectProcess } from './process-table.ts';

/**
 * Claims the folder for this process with a file beside it, and clears claims of processes that are gone.
 * Returns the release. @throws EmbeddedPostgresError when a living process holds a claim.
 */
export async function claimFolder(folder: string): Promise<() => Promise<void>> {
  const self = await inspectProcess(process.pid);
  if (!self) throw new EmbeddedPostgresError('The process table (/proc) cannot be read; set DATABASE_URL');
  const prefix = `${basename(folder)}.owner-`;
  const mine = join(dirname(folder), `${prefix}${process.pid}-${self.startedAt}`);
  const release = () => rm(mine, { force: true });

  await writeFile(mine, '', { flag: 'wx' }).catch((error: unknown) => {
    throw hasCode(error, 'EEXIST') ? inUse(folder, process.pid) : error;
  });
  // Each writes its own file first and looks at the others after: of two starts at once at least one sees the other.
  // One shared file would need a "remove the stale one" step, in which a third could remove a fresh one.
  for (const name of await readdir(dirname(folder))) {
    const path = join(dirname(folder), name);
    if (!name.startsWith(prefix) || path === mine) continue;
    const [, pid, startedAt] = /^(\d+)-(.*)$/.exec(name.slice(prefix.length)) ?? [];
    if ((await inspectProcess(Number(pid)))?.startedAt === startedAt) {
      await release();
      throw inUse(folder, Number(pid));
    }
    await rm(path, { force: true });
  }
  return release;
}

function inUse(folder: string, pid: number): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    `${folder} is in use by another Teamboard (pid ${pid}); stop it or set DATA_DIR to another folder`,
  );
}
