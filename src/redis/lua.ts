// Scripts for Redis, which stand in files of their own.

import { readFileSync } from 'node:fs';

/**
 * @param module `import.meta.url` of whoever sends the script
 * @param paths beside it. A script is the last one; what it begins with, as others do, stands before it
 */
export function readLua(module: string, ...paths: string[]): string {
  return paths.map((path) => readFileSync(new URL(path, module), 'utf8')).join('\n');
}
