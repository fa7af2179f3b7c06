// Owns the data folder: made whole or not at all, and of the right version and owner.
import { mkdtemp, readdir, readFile, rename, rm, rmdir, stat, statfs } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Binaries } from './binaries.ts';
import { EmbeddedPostgresError } from './embedded-postgres-error.ts';
import { failure, startProgram } from './postgres-process.ts';
import { canReach, giveTo, nobodyUser, type SystemUser } from './system-user.ts';

/** What initdb writes, and some more for the start of the server. */
const NEW_CLUSTER_BYTES = 64 * 2 ** 20;

interface Cluster {
  folder: string;
  user: SystemUser | undefined;
  binaries: Binaries;
  initdbArgs: string[];
  logFile: string;
}

/** Makes sure that the folder holds data that this PostgreSQL can serve. Returns true when it was made now. */
export async function ensureCluster(cluster: Cluster): Promise<boolean> {
  const { folder, user, binaries } = cluster;
  const owner = await stat(folder).catch(() => undefined);
  if (!owner || (await readdir(folder)).length === 0) {
    await createCluster(cluster);
    return true;
  }
  const version = (await readFile(join(folder, 'PG_VERSION'), 'utf8').catch(() => '')).trim();
  if (!version) throw new EmbeddedPostgresError(`${folder} holds other things than PostgreSQL data; set DATA_DIR`);
  const major = binaries.version.split('.')[0];
  if (version !== major) {
    throw new EmbeddedPostgresError(
      `${folder} holds data of PostgreSQL ${version}, but this is ${major}; set DATA_DIR to another folder`,
    );
  }
  if (user && owner.uid !== user.uid) await takeOver(user, folder, owner.uid);
  return false;
}

/** What root has put there, as from a backup. What others have, is theirs to fill, and nobody's word for what is in it. */
async function takeOver(user: SystemUser, folder: string, uid: number): Promise<void> {
  if (uid === 0) return giveTo(user, folder);
  throw new EmbeddedPostgresError(
    `${folder} belongs to uid ${uid}, as which other programs run: if nobody has changed the data, give them to ` +
      `PostgreSQL (chown -hR ${user.uid}:${user.gid} ${folder}); else set DATA_DIR to another folder`,
  );
}

/** A killed initdb leaves a folder that looks like data but is not: it works beside, and a rename ends it. */
async function createCluster({ folder, user, binaries, initdbArgs, logFile }: Cluster): Promise<void> {
  const draftPrefix = `${folder}.init-`;
  for (const name of await readdir(dirname(folder))) {
    const leftover = name.startsWith(basename(draftPrefix));
    // Retried, because a killed run's initdb may still be writing there.
    if (leftover) await rm(join(dirname(folder), name), { recursive: true, force: true, maxRetries: 5 });
  }
  await checkRoom(dirname(folder));
  const draft = await mkdtemp(draftPrefix);
  try {
    // It runs only as a user who has a name; the server needs none.
    const maker = user && (await nobodyUser());
    if (maker) await giveTo(maker, draft);
    const { ended } = await startProgram({
      file: binaries.initdb,
      args: [
        `--pgdata=${await pathSeenBy(maker, draft)}`,
        '--username=postgres',
        '--encoding=UTF8',
        // Collation that needs no locale of the system, so that the data can move to another machine.
        '--locale=C',
        '--locale-provider=builtin',
        '--builtin-locale=C.UTF-8',
        '--no-sync',
        ...initdbArgs,
      ],
      folder: draft,
      user: maker,
      logFile,
    });
    const { code } = await ended;
    if (code !== 0) throw await failure('The embedded PostgreSQL could not create its data folder', logFile);
    if (user) await giveTo(user, draft);
    // Windows does not rename onto a folder, not even an empty one.
    await rmdir(folder).catch(() => undefined);
    await rename(draft, folder);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
}

/** On a full disk initdb dies in the middle, mostly without a word that says why: it has no room for that either. */
async function checkRoom(folder: string): Promise<void> {
  const { blocks, bavail, bsize } = await statfs(folder);
  // Some file systems do not say how large they are.
  if (blocks === 0 || bavail * bsize >= NEW_CLUSTER_BYTES) return;
  throw new EmbeddedPostgresError(
    `The embedded PostgreSQL needs ${NEW_CLUSTER_BYTES / 2 ** 20} MB for a new data folder, and the disk of ${folder} ` +
      `has ${Math.floor((bavail * bsize) / 2 ** 20)} MB left; make room on it, or set DATA_DIR`,
  );
}

/**
 * Returns how a program that runs as the user, in the folder, names that folder. Below a folder that the user cannot
 * enter (a clone in /root) the path is of no use, but on Linux the link to the working directory is: following it
 * does not walk through the parents.
 */
export async function pathSeenBy(user: SystemUser | undefined, folder: string): Promise<string> {
  if (await canReach(user, dirname(folder))) return folder;
  if (process.platform === 'linux') return '/proc/self/cwd';
  throw new EmbeddedPostgresError(
    `${folder} lies below a folder that PostgreSQL, which does not run as root, cannot enter; set DATA_DIR`,
  );
}
