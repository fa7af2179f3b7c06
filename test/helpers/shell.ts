// Commands of a shell, as a user runs them.

import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Test } from 'tap';

/** Why a test is skipped that needs these programs, if it is. */
export function needs(...programs: string[]): { skip?: string } {
  const missing = programs.filter((program) => spawnSync(program, ['--version']).error);
  return missing.length > 0 ? { skip: `needs ${missing.join(', ')}` } : {};
}

export interface Run {
  stdout: string;
  /** A file that they have left there. */
  read: (name: string) => string;
}

/** Runs them in an empty folder, or in the one that is named, and stops at the first that fails. */
export async function run(t: Test, commands: string, cwd?: string): Promise<Run> {
  const folder = cwd ?? mkdtempSync(join(tmpdir(), 'teamboard-readme-'));
  if (cwd === undefined) t.teardown(() => rmSync(folder, { recursive: true }));
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', commands], {
    cwd: folder,
    timeout: 60_000,
    // Without tap's variables, which would make a node that they start a part of the coverage.
    env: { PATH: process.env.PATH, HOME: process.env.HOME },
  });
  return { stdout, read: (name: string) => readFileSync(join(folder, name), 'utf8') };
}
