// Owns where the PostgreSQL binaries are, and that they can be run from there.
import { lstat, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { copyBinaries } from './binaries-copy.ts';
import { EmbeddedPostgresError, hasCode } from './embedded-postgres-error.ts';
import { canReach, type SystemUser } from './system-user.ts';

export interface Binaries {
  /** Version of the package, such as `18.4.0-beta.17`. */
  version: string;
  initdb: string;
  pgCtl: string;
  postgres: string;
}

/** Returns the folder of the installed platform package. @throws EmbeddedPostgresError when there is none */
export function findPackage(platform: string, arch: string): string {
  const name = `@embedded-postgres/${platform === 'win32' ? 'windows' : platform}-${arch}`;
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `No embedded PostgreSQL for ${platform}-${arch}: ${name} is not installed (there is none for this platform, ` +
        'or optional dependencies were left out); set DATABASE_URL to a PostgreSQL 15 or newer',
      { cause },
    );
  }
}

/** Makes the package's binaries runnable for the user, in place or else as a copy, and returns where they are. */
export async function prepareBinaries(packageFolder: string, user: SystemUser | undefined): Promise<Binaries> {
  const { version }: { version: string } = JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8'));
  const inPlace = (await canReach(user, executable(packageFolder, 'postgres'))) && (await linkLibraries(packageFolder));
  const folder = inPlace ? packageFolder : await copyBinaries({ packageFolder, version, user });
  if (!inPlace) await linkLibraries(folder);
  return {
    version,
    initdb: executable(folder, 'initdb'),
    pgCtl: executable(folder, 'pg_ctl'),
    postgres: executable(folder, 'postgres'),
  };
}

function executable(folder: string, name: string): string {
  return join(folder, 'native', 'bin', process.platform === 'win32' ? `${name}.exe` : name);
}

/**
 * npm packages hold no links, so the package's install script makes them; npm 12 and --ignore-scripts don't run it.
 * Returns false when a link is missing and the folder is read-only for us.
 */
async function linkLibraries(packageFolder: string): Promise<boolean> {
  const list = await readFile(join(packageFolder, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links: { source: string; target: string }[] = JSON.parse(list);
  for (const { source, target } of links) {
    const link = join(packageFolder, target);
    if (await lstat(link).catch(() => undefined)) continue;
    try {
      await symlink(basename(source), link);
    } catch (error) {
      if (hasCode(error, 'EACCES', 'EPERM', 'EROFS')) return false;
      // Another start was quicker.
      if (!hasCode(error, 'EEXIST')) throw error;
    }
  }
  return true;
}
