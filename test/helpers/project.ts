// The files of the checkout. The tests run as compiled files, from build/, where nothing else of it lies.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder of package.json, without a slash at the end. */
export const root = findRoot(import.meta.dirname);

/** @param path of a file or folder, from the root of the checkout */
export function projectPath(path: string): string {
  return join(root, path);
}

/** @param path of a text file, from the root of the checkout */
export function readProjectFile(path: string): string {
  return readFileSync(projectPath(path), 'utf8');
}

function findRoot(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : findRoot(dirname(folder));
}
