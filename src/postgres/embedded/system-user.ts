// Owns as whom PostgreSQL runs, which refuses root, and what that user can reach.
import { lchown, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { EmbeddedPostgresError } from './embedded-postgres-error.ts';

export interface SystemUser {
  uid: number;
  gid: number;
}

/**
 * Returns whom to drop to when this process is root: the owner of the data, or `nobody`. Undefined: run as self.
 * @throws EmbeddedPostgresError when the folder belongs to someone else, whom we cannot become
 */
export async function userToDropTo(folder: string): Promise<SystemUser | undefined> {
  if (process.getuid?.() !== 0) {
    const owner = await stat(folder).catch(() => undefined);
    if (!owner || owner.uid === process.getuid?.() || process.platform === 'win32') return undefined;
    throw new EmbeddedPostgresError(
      `${folder} belongs to another user (uid ${owner.uid}); run as that user or set DATA_DIR to another folder`,
    );
  }
  const owner = await stat(join(folder, 'PG_VERSION')).catch(() => undefined);
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const [, uid = '65534', gid = '65534'] = /^nobody:[^:]*:(-?\d+):(-?\d+):/m.exec(passwd) ?? [];
  // macOS lists nobody as -2; files want that unsigned.
  return { uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 };
}

/** Gives a folder and all below it to the user. Links are changed, never followed. */
export async function giveTo(user: SystemUser, folder: string): Promise<void> {
  await lchown(folder, user.uid, user.gid);
  for (const name of await readdir(folder, { recursive: true })) {
    await lchown(join(folder, name), user.uid, user.gid);
  }
}

/** Whether the user may enter this existing folder, or execute this file, by the modes of it and all above it. */
export async function canReach(user: SystemUser | undefined, path: string): Promise<boolean> {
  if (!user) return true;
  let place = await realpath(path).catch(() => undefined);
  while (place !== undefined) {
    const { mode, uid, gid } = await stat(place);
    const executeBit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & executeBit) === 0) return false;
    if (place === dirname(place)) return true;
    place = dirname(place);
  }
  return false;
}

/**
 * Returns a folder for temporary files that the user can enter, short enough to hold a Unix socket.
 * @throws EmbeddedPostgresError when there is none
 */
export async function temporaryFolder(user: SystemUser | undefined): Promise<string> {
  for (const folder of [tmpdir(), '/tmp']) {
    const fits = process.platform === 'win32' || Buffer.byteLength(folder) <= 60;
    const exists = await stat(folder).catch(() => undefined);
    if (fits && exists?.isDirectory() && (await canReach(user, folder))) return folder;
  }
  throw new EmbeddedPostgresError(
    'There is no temporary folder with a short path that PostgreSQL may enter; set TMPDIR to one',
  );
}
