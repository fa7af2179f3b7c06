// Owns the claim of one Teamboard process on a data folder, so that two never share it and none is shot away.
import { readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { EmbeddedPostgresError, hasCode } from './embedded-postgres-error.ts';
import { inspectProcess, visibleProcesses } from './process-table.ts';
import { until } from './until.ts';

/** How often a claim is renewed. */
const beatMs = 2000;
/** After so many without one, its owner is dead. An event loop that stands still for so long has other troubles. */
const missedBeats = 3.5;

interface Options {
  log: { warn(msg: string): void };
  /** For tests. */
  beatMs?: number;
}

/**
 * Claims the folder for this process with a file beside it, and clears claims of processes that are gone. That of a
 * process which cannot be seen from here, as in another container on the same volume, is watched for some seconds.
 * Returns the release. @throws EmbeddedPostgresError when a living process holds a claim.
 */
export async function claimFolder(folder: string, options: Options): Promise<() => Promise<void>> {
  const self = await inspectProcess(process.pid);
  if (!self) throw new EmbeddedPostgresError('The process table (/proc) cannot be read; set DATABASE_URL');
  const prefix = `${basename(folder)}.owner-`;
  const here = await visibleProcesses();
  const mine = join(dirname(folder), `${prefix}${process.pid}-${self.startedAt}@${here}`);
  await writeFile(mine, '', { flag: 'wx' }).catch((error: unknown) => {
    throw hasCode(error, 'EEXIST') ? inUse(folder, `pid ${process.pid}`) : error;
  });
  // Should somebody have taken it for dead, PostgreSQL itself notices within a minute, by its own lock file.
  const beats = setInterval(() => void beat(mine).catch(() => undefined), options.beatMs ?? beatMs).unref();
  const release = async () => {
    clearInterval(beats);
    await rm(mine, { force: true });
  };
  try {
    // Each writes its own file first and looks at the others after: of two starts at once at least one sees the other.
    // One shared file would need a "remove the stale one" step, in which a third could remove a fresh one.
    const others = (await readdir(dirname(folder)))
      .map((name) => join(dirname(folder), name))
      .filter((path) => basename(path).startsWith(prefix) && path !== mine);
    await Promise.all(others.map((path) => clearClaim(path, prefix, here, folder, options)));
  } catch (error) {
    await release();
    throw error;
  }
  return release;
}

/** @throws EmbeddedPostgresError when its owner lives */
async function clearClaim(path: string, prefix: string, here: string, folder: string, options: Options): Promise<void> {
  const [, pid, startedAt, where] = /^(\d+)-(.*)@(.*)$/.exec(basename(path).slice(prefix.length)) ?? [];
  if (where === here) {
    if ((await inspectProcess(Number(pid)))?.startedAt === startedAt) throw inUse(folder, `pid ${pid}`);
  } else if (await isRenewed(path, options)) {
    throw inUse(folder, 'in another container, or on another machine');
  }
  await rm(path, { force: true });
}

/** By no clock: only whether its time changes. */
async function isRenewed(path: string, options: Options): Promise<boolean> {
  const { log } = options;
  const timeOf = async () => (await stat(path).catch(() => undefined))?.mtimeMs;
  const before = await timeOf();
  if (before === undefined) return false;
  const watchMs = missedBeats * (options.beatMs ?? beatMs);
  log.warn(
    `A run that cannot be seen from here, as in another container, has used this data folder and not ended in order; ` +
      `looking for ${watchMs / 1000} s whether it still does`,
  );
  let now: number | undefined = before;
  await until(async () => {
    now = await timeOf();
    return now !== before;
  }, watchMs);
  // Gone: its owner has ended while we looked.
  return now !== undefined && now !== before;
}

async function beat(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now);
}

function inUse(folder: string, owner: string): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    `${folder} is in use by another Teamboard (${owner}); stop it or set DATA_DIR to another folder`,
  );
}
