// What tsc leaves undone: it copies no SQL, and keeps the output of sources that are gone. A test that was renamed would
// run twice.
//
//   node scripts/finish-build.mjs <folder of the sources> <folder of the output>

import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const [sources = '', output = ''] = process.argv.slice(2);

for (const path of /** @type {string[]} */ (readdirSync(output, { recursive: true }))) {
  const [, name] = /^(.+)\.js(?:\.map)?$/.exec(path) ?? [];
  if (name && !existsSync(join(sources, `${name}.ts`))) rmSync(join(output, path));
}

const migrations = 'src/postgres/migrations';
const copy = join(output, migrations.slice(sources === '.' ? 0 : sources.length));
rmSync(copy, { recursive: true, force: true });
cpSync(migrations, copy, { recursive: true });
