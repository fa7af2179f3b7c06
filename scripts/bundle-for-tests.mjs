// Bundles for the tests what they would load from a thousand files in each of their processes: the packages that src/
// needs, which then lie in build/node_modules, and the nodes that tests start as processes, in build/bundled. Node takes
// a second of CPU to find and read so many files, and a quarter of one for these.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as esbuild from 'esbuild';

const output = 'build';
const packages = join(output, 'node_modules');
/** Imports all that a package exports, as Node sees it: of a CommonJS package, esbuild would export only the default. */
const facades = join(output, 'facades');
/** Processes of their own, by the source. */
const programs = { cli: 'src/cli.ts', 'quick-node': 'test/helpers/quick-node.ts' };

/** They read files beside them, or are no JavaScript. */
const external = ['@node-rs/argon2', '@fastify/swagger-ui', 'pg-native'];
const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'));

/** @type {esbuild.BuildOptions} */
const options = {
  bundle: true,
  // Of two classes of one name the second gets another, and the name is what tells an answer of Redis from a lost connection.
  keepNames: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'es2023',
  logLevel: 'warning',
  external,
  banner: {
    js: `import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);`,
  },
};

export async function bundleForTests() {
  await Promise.all([bundlePackages(findSpecifiers()), bundlePrograms()]);
  rmSync(facades, { recursive: true });
}

/** @param {string[]} specifiers */
async function bundlePackages(specifiers) {
  /** @type {Record<string, Record<string, string>>} */
  const exports = {};
  /** @type {Record<string, string>} */
  const entryPoints = {};
  for (const specifier of specifiers) {
    const name = packageOf(specifier);
    const path = specifier.slice(name.length);
    const entry = `${name}/${path.replace(/\.js$/, '').slice(1) || 'index'}`;
    entryPoints[entry] = await writeFacade(`${entry}.mjs`, specifier);
    exports[name] = { ...exports[name], [`.${path}`]: `./${entry.slice(name.length + 1)}.js` };
  }
  await esbuild.build({ ...options, entryPoints, outdir: packages, chunkNames: '.chunks/[hash]' });
  writeFileSync(join(packages, '.chunks', 'package.json'), '{ "type": "module" }');
  for (const [name, paths] of Object.entries(exports)) {
    writeFileSync(join(packages, name, 'package.json'), JSON.stringify({ name, type: 'module', exports: paths }));
  }
}

/** @param {string} file @param {string} specifier */
async function writeFacade(file, specifier) {
  const names = Object.keys(await import(specifier)).filter((name) => name !== 'module.exports');
  const path = join(facades, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `export { ${names.join(', ')} } from '${specifier}';\n`);
  return path;
}

async function bundlePrograms() {
  await esbuild.build({
    ...options,
    entryPoints: programs,
    outdir: join(output, 'bundled'),
    sourcemap: true,
    plugins: [{ name: 'places', setup: (build) => build.onLoad({ filter: /\/src\/.*\.ts$/ }, keepPlace) }],
  });
}

/** What a module reads beside itself lies in `build/src`. @param {esbuild.OnLoadArgs} args @returns {esbuild.OnLoadResult} */
function keepPlace({ path }) {
  const place = pathToFileURL(path.replace(process.cwd(), join(process.cwd(), output)));
  const contents = readFileSync(path, 'utf8').replaceAll('import.meta.url', JSON.stringify(place));
  return { contents, loader: 'ts' };
}

/** What the compiled files import of the packages that the application needs. */
function findSpecifiers() {
  const files = ['src', 'test'].flatMap((folder) =>
    /** @type {string[]} */ (readdirSync(join(output, folder), { recursive: true }))
      .filter((path) => path.endsWith('.js'))
      .map((path) => readFileSync(join(output, folder, path), 'utf8')),
  );
  const found = files.flatMap((text) =>
    [...text.matchAll(/(?:from |^import |\bimport\()["']([^."'][^"']*)["']/gm)].map(([, specifier = '']) => specifier),
  );
  return [...new Set(found)].filter((each) => packageOf(each) in dependencies && !external.includes(each)).sort();
}

/** @param {string} specifier */
function packageOf(specifier) {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}
