// Makes of src/web/ the board application: one page, and what it loads by names that change with the content.

import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';

const sources = 'src/web';
/** What sites of others import: its name stays, and what it loads has names like all else. */
const element = 'team-board';
/** What browsers look for at its address. */
const worker = 'worker';

/**
 * @param {string} output the folder to write to
 * @returns {Promise<Array<{ name: string, gzipped: number }>>} of each entry, with all that a board needs
 */
export async function bundleWeb(output) {
  rmSync(join(output, 'assets'), { recursive: true, force: true });
  const result = await build({
    configFile: false,
    root: sources,
    // Wherever the files lie, they find each other.
    base: './',
    logLevel: 'warn',
    build: {
      outDir: join(process.cwd(), output),
      // Beside it may lie what a compiler has put there.
      emptyOutDir: false,
      // What browsers have had since 2022.
      target: 'es2022',
      // The policy of the page takes nothing that is written into it.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      rolldownOptions: {
        input: {
          app: join(sources, 'index.html'),
          [element]: join(sources, `${element}.ts`),
          [worker]: join(sources, 'worker/worker.ts'),
        },
        output: {
          entryFileNames: ({ name }) => (name === element || name === worker ? '[name].js' : 'assets/[name]-[hash].js'),
          chunkFileNames: 'assets/[name]-[hash].js',
          assetFileNames: 'assets/[name]-[hash][extname]',
        },
      },
    },
  });
  if (!('output' in result)) throw new Error('vite has made something else than one application');
  nameShell(join(output, `${worker}.js`), result.output);
  for (const { fileName } of result.output) {
    if (/\.(?:js|css)$/.test(fileName)) {
      writeFileSync(join(output, `${fileName}.gz`), gzipSync(readFileSync(join(output, fileName)), { level: 9 }));
    }
  }
  return sizesOf(result.output);
}

/** @param {import('vite').Rolldown.RolldownOutput['output']} files */
function sizesOf(files) {
  const sizes = new Map(
    files.map((file) => [file.fileName, gzipSync('code' in file ? file.code : file.source, { level: 9 }).length]),
  );
  const entries = files.flatMap((file) => (file.type === 'chunk' && file.isEntry ? [file] : []));
  /** @param {string} fileName @param {Set<string>} all @returns {Set<string>} */
  const loads = (fileName, all = new Set()) => {
    const chunk = files.find((file) => file.fileName === fileName);
    if (all.has(fileName) || chunk?.type !== 'chunk') return all;
    all.add(fileName);
    for (const next of chunk.imports) loads(next, all);
    for (const style of chunk.viteMetadata?.importedCss ?? []) all.add(style);
    return all;
  };
  /** The board itself; what else comes later comes when somebody asks for it. @param {string} fileName */
  const isBoard = (fileName) => /\/team-board-/.test(fileName);
  return entries.map(({ name, fileName, dynamicImports }) => {
    const first = loads(fileName);
    for (const next of dynamicImports.filter(isBoard)) loads(next, first);
    const gzipped = [...first].reduce((sum, each) => sum + (sizes.get(each) ?? 0), 0);
    return { name: `${name}, with all that it loads`, gzipped };
  });
}

/** Tells the worker what the page loads. @param {string} path @param {import('vite').Rolldown.RolldownOutput['output']} files */
function nameShell(path, files) {
  const names = files.map(({ fileName }) => fileName).filter((name) => name.startsWith('assets/'));
  const code = readFileSync(path, 'utf8');
  const shell = [...names, 'favicon.svg', 'site.webmanifest'].sort();
  const version = createHash('sha256').update(code).update(shell.join()).digest('hex').slice(0, 16);
  const written = code.replace(/(["'`])__SHELL__\1/, () => JSON.stringify(JSON.stringify({ version, files: shell })));
  if (written === code) throw new Error('the worker has no place for its files');
  writeFileSync(path, written);
}
