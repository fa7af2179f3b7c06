// Owns as whom PostgreSQL runs, which refuses root, and what that user can reach.
import { constants } from 'node:fs';
import { lchown, lstat, open, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { EmbeddedPostgresError } from './embedded-postgres-error.ts';

export interface SystemUser {
  uid: number;
  gid: number;
}

/** uids that systems give to no user and no service, and that are there inside of a container too. */
const [FIRST_OWN_UID, LAST_OWN_UID] = [60_706, 61_183];

/**
 * Returns whom to drop to when this process is root: a user that nothing else runs as, so that no other program of this
 * machine reaches the data or the server; or the owner of the data, who was chosen by somebody. Undefined: run as self.
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
  const { uid: nobody } = await nobodyUser();
  if (owner && owner.uid !== 0 && owner.uid !== nobody) return { uid: owner.uid, gid: owner.gid };
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '');
  for (let uid = FIRST_OWN_UID; uid <= LAST_OWN_UID; uid += 1) {
    if (!new RegExp(`^[^:]*:[^:]*:${uid}:`, 'm').test(passwd)) return { uid, gid: uid };
  }
  throw new EmbeddedPostgresError('PostgreSQL does not run as root, and every uid is taken; run as another user');
}

/** The user who stands in every list of users, where initdb looks up whom it runs as. */
export async function nobodyUser(): Promise<SystemUser> {
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const [, uid = '65534', gid = '65534'] = /^nobody:[^:]*:(-?\d+):(-?\d+):/m.exec(passwd) ?? [];
  // macOS lists nobody as -2; files want that unsigned.
  return { uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 };
}

/**
 * Gives a folder and all below it to the user. Whoever has it now may put links there that lead to files of others: so
 * each folder is taken from them before it is read, no link is followed, and the folder itself is given last.
 * @throws EmbeddedPostgresError for a file that has another name too, which may lie anywhere
 */
export async function giveTo(user: SystemUser, folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    await handle.chown(process.getuid?.() ?? 0, process.getgid?.() ?? 0);
    await handle.chmod(0o700);
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) await giveTo(user, path);
      else await giveFile(user, path);
    }
    await handle.chown(user.uid, user.gid);
  } finally {
    await handle.close();
  }
}

async function giveFile(user: SystemUser, path: string): Promise<void> {
  if ((await lstat(path)).nlink > 1) {
    throw new EmbeddedPostgresError(`${path} is a file with a second name; remove it, or set DATA_DIR`);
  }
  await lchown(path, user.uid, user.gid);
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
