// Owns the copy of the binaries that is used when the installed ones are out of reach or cannot be completed.
import { chmod, cp, lstat, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { EmbeddedPostgresError, hasCode } from './embedded-postgres-error.ts';
import { type SystemUser, temporaryFolder } from './system-user.ts';

interface Source {
  packageFolder: string;
  version: string;
  user: SystemUser | undefined;
}

/** Copies `native/` to a temporary folder, once for each version and user of this machine; returns that folder. */
export async function copyBinaries({ packageFolder, version, user }: Source): Promise<string> {
  const name = `teamboard-postgres-${basename(packageFolder)}-${version}-${process.getuid?.() ?? 'own'}`;
  const copy = join(await temporaryFolder(user), name);
  if (await isUsable(copy, packageFolder)) return copy;

  const draft = await mkdtemp(`${copy}.`);
  try {
    await cp(join(packageFolder, 'native'), join(draft, 'native'), { recursive: true, verbatimSymlinks: true });
    await openToAll(draft);
    // Only the rename makes it visible under its name: a killed copy is never found half done.
    await rename(draft, copy);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    // Another start was quicker.
    if (hasCode(error, 'ENOTEMPTY', 'EEXIST') && (await isUsable(copy, packageFolder))) return copy;
    throw error;
  }
  return copy;
}

/** @throws EmbeddedPostgresError when someone else could have put something into the folder, which we would run */
async function isUsable(copy: string, packageFolder: string): Promise<boolean> {
  const found = await lstat(copy).catch(() => undefined);
  if (!found) return false;
  const isOurs = process.platform === 'win32' || (found.uid === process.getuid?.() && (found.mode & 0o022) === 0);
  if (!found.isDirectory() || !isOurs) {
    throw new EmbeddedPostgresError(`${copy} can be changed by other users; remove it or set TMPDIR to another folder`);
  }
  // Systems that tidy their temporary folder remove old files one by one.
  const present = new Set(await readdir(copy, { recursive: true }));
  const wanted = await readdir(join(packageFolder, 'native'), { recursive: true });
  if (wanted.every((name) => present.has(join('native', name)))) return true;
  const discarded = await mkdtemp(`${copy}.`);
  await rename(copy, discarded);
  await rm(discarded, { recursive: true, force: true });
  return false;
}

/** A umask of 077 at install time is copied along, and mkdtemp makes 0700: PostgreSQL's user must read it all. */
async function openToAll(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) await chmod(join(entry.parentPath, entry.name), 0o755);
  }
  await chmod(folder, 0o755);
}
