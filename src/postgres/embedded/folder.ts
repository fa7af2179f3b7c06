// Owns making the folders that the data lie in, and saying why that cannot be done.
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { hasCode } from './embedded-postgres-error.ts';

/** Makes a folder and those above it. Not by mkdir's own `recursive`, which never ends where it may make none (/proc). */
export async function makeFolder(path: string): Promise<void> {
  try {
    await makeOne(path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT') || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    await makeOne(path);
  }
}

async function makeOne(path: string): Promise<void> {
  await mkdir(path).catch(async (error: unknown) => {
    // A read-only file system says so of folders that are there, too.
    const found = await stat(path).catch(() => undefined);
    if (!found?.isDirectory()) throw error;
  });
}

/** @returns in words why a folder or file could not be made or used; undefined for another error */
export function explainFolder(error: unknown): string | undefined {
  const { path = '' } = error as NodeJS.ErrnoException;
  if (hasCode(error, 'EEXIST', 'ENOTDIR')) return `${path} is a file, or lies below one`;
  if (hasCode(error, 'ENOENT')) return `${path} cannot be made there`;
  if (hasCode(error, 'EACCES', 'EPERM')) return `there is no right to ${path} (uid ${process.getuid?.()})`;
  if (hasCode(error, 'EROFS')) return `the file system of ${path} is read-only`;
  if (hasCode(error, 'ENOSPC', 'EDQUOT')) return `its disk is full`;
  if (hasCode(error, 'ENAMETOOLONG')) return 'the path is too long';
  return undefined;
}
