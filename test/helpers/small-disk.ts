// A disk that can be filled: a file system in memory, of a few megabytes. Linux and root only.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Teardown } from './teardown.ts';

/** Why tests that need one are skipped, if they are. */
export const noSmallDisk = ((): string | false => {
  try {
    mount(1)();
    return false;
  } catch {
    return 'no file system can be mounted here: it needs Linux and root';
  }
})();

export interface SmallDisk {
  folder: string;
  /** Leaves not a byte. */
  fill(): Promise<void>;
  /** Gives back what {@link fill} took. */
  free(): void;
}

export function useSmallDisk(t: Teardown, megabytes: number): SmallDisk {
  const unmount = mount(megabytes);
  // A test that crashes runs no teardown.
  process.once('exit', unmount);
  t.teardown(() => {
    process.off('exit', unmount);
    unmount();
  });
  const filler = join(unmount.folder, 'filler');
  return {
    folder: unmount.folder,
    fill: async () => {
      const file = await open(filler, 'a');
      const block = Buffer.alloc(64 * 1024);
      try {
        for (;;) await file.write(block);
      } catch (error) {
        if ((error as { code?: string }).code !== 'ENOSPC') throw error;
      } finally {
        await file.close();
      }
    },
    free: () => rmSync(filler, { force: true }),
  };
}

function mount(megabytes: number): (() => void) & { folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'teamboard-small-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=755`, 'tmpfs', folder], { stdio: 'ignore' });
  } catch (error) {
    rmdirSync(folder);
    throw error;
  }
  const unmount = () => {
    execFileSync('umount', ['--lazy', folder], { stdio: 'ignore' });
    rmdirSync(folder);
  };
  return Object.assign(unmount, { folder });
}
