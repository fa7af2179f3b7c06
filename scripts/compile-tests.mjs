// Compiles src/, test/ and scripts/ into build/ for the tests, file by file: tsc takes eight seconds of CPU where this takes
// one. `npm run types` looks at the types.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as esbuild from 'esbuild';

const folders = ['src', 'test', 'scripts'];
/** What pages import: `finish-build.mjs` bundles it. */
const ofPages = join('src', 'client', 'browser');

const files = folders.flatMap((folder) =>
  /** @type {string[]} */ (readdirSync(folder, { recursive: true })).map((path) => join(folder, path)),
);

await esbuild.build({
  entryPoints: files.filter((path) => path.endsWith('.ts') && !path.startsWith(ofPages)),
  outdir: 'build',
  outbase: '.',
  format: 'esm',
  target: 'es2023',
  sourcemap: true,
  // Each file for itself. Only a bundler is asked where imports lead.
  bundle: true,
  treeShaking: false,
  logLevel: 'warning',
  plugins: [{ name: 'one by one', setup: (build) => build.onResolve({ filter: /^/ }, leadToOutput) }],
});

/** @param {esbuild.OnResolveArgs} args @returns {esbuild.OnResolveResult | undefined} */
function leadToOutput({ path, kind }) {
  if (kind === 'entry-point') return undefined;
  return { path: path.startsWith('.') ? path.replace(/\.ts$/, '.js') : path, external: true };
}
