// What a compiler leaves undone: it copies no SQL and no Lua, bundles nothing for pages, and keeps the output of sources
// that are gone. A test that was renamed would run twice.
//
//   node scripts/finish-build.mjs <folder of the sources> <folder of the output>

import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';

const [sources = '', output = ''] = process.argv.slice(2);
/** What the compiled code reads beside itself. */
const isRead = /\.(?:sql|lua)$/;

// Bundles have no source of their own.
for (const folder of ['node_modules', 'bundled']) rmSync(join(output, folder), { recursive: true, force: true });
for (const path of filesOf(output)) {
  const [, name] = /^(.+)\.js(?:\.map)?$/.exec(path) ?? [];
  const source = name ? `${name}.ts` : isRead.test(path) && path;
  if (source && !existsSync(join(sources, source))) rmSync(join(output, path));
}
for (const path of filesOf('src').filter((each) => isRead.test(each))) {
  cpSync(join('src', path), join(output, relative(sources, 'src'), path));
}
if (existsSync('src/client/browser')) {
  const { bundleClient } = await import('./bundle-client.mjs');
  const folder = join(output, relative(sources, 'src'), 'client');
  mkdirSync(folder, { recursive: true });
  for (const { name, gzipped } of await bundleClient(folder)) say(name, gzipped);
}
if (existsSync('src/web/index.html')) {
  const { bundleWeb } = await import('./bundle-web.mjs');
  for (const { name, gzipped } of await bundleWeb(join(output, relative(sources, 'src'), 'web'))) say(name, gzipped);
}
if (output === 'build') {
  const { bundleForTests } = await import('./bundle-for-tests.mjs');
  await bundleForTests();
}

/** @param {string} name @param {number} gzipped */
function say(name, gzipped) {
  process.stderr.write(`${name}: ${(gzipped / 1024).toFixed(2)} KB gzipped\n`);
}

/** @param {string} folder */
function filesOf(folder) {
  return /** @type {string[]} */ (readdirSync(folder, { recursive: true }));
}
