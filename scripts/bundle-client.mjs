// Makes of src/client/ what pages import: each entry as one minified file, with its map and its types beside it.

import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import * as esbuild from 'esbuild';
import { minify } from 'terser';
import ts from 'typescript';

const sources = 'src/client';
const main = 'client';

/** Each file that is served, and the sources in which its public types stand. */
const entries = {
  [main]: ['types', 'outside', 'live', 'browser/client'],
  'client-broadcasts': ['broadcast-sender'],
  'client-positions': ['positions'],
  'client-writes': ['writes/offered', 'browser/client-writes'],
};

/**
 * Properties that no page sees, and that no tab tells another one, which may run another version. They get short names. A
 * test looks that none of them is public.
 */
const internal = [
  ...[
    'canRenew',
    'cursorOf',
    'failures',
    'endedBy',
    'isFresh',
    'isKnown',
    'isLeading',
    'isNeeded',
    'isOwn',
    'isPresent',
  ],
  ...[
    'onBoards',
    'onEnd',
    'onFrame',
    'onHole',
    'onLead',
    'onNeed',
    'onTold',
    'onWake',
    'openChannel',
    'openStream',
    'readAnew',
    'retryAfterMs',
  ],
  ...['deadAfterMs', 'tellBoards', 'unheard', 'needed', 'wanted', 'act', 'enter', 'restart', 'tell', 'toldAnew'],
  ...['follow', 'apply', 'self', 'ask'],
  ...['isForAll', 'keeping', 'onAnswer', 'onExpired', 'onHistory', 'onKeeping', 'onLeft', 'onWaiting', 'saved'],
  ...['sendable', 'settle'],
];

/**
 * Values of `main` that no page sees: states of the connection and what is to be done, alone or several in one text. No
 * letter is a part of what is not shortened.
 */
const values = {
  ...{ idle: 'I', opening: 'O', switching: 'W', closing: 'G', resting: 'R', waiting: 'A', barred: 'B', asking: 'K' },
  ...{ refused: 'F', open: 'P', renew: 'N', cut: 'C', ask: 'Q', end: 'E' },
};
const ofValues = new RegExp(`"(?:(?:${Object.keys(values).join('|')}|live)(?: |(?=")))+"`, 'g');

/**
 * @param {string} output the folder to write to
 * @returns {Promise<Array<{ name: string, gzipped: number }>>}
 */
export async function bundleClient(output) {
  const sizes = [];
  for (const [name, modules] of Object.entries(entries)) {
    const { code, map } = await bundle(name);
    writeFileSync(join(output, `${name}.js`), code);
    writeFileSync(join(output, `${name}.js.map`), map);
    writeFileSync(join(output, `${name}.d.ts`), declare(name, modules));
    sizes.push({ name: `${name}.js`, gzipped: gzipSync(code, { level: 9 }).length });
  }
  return sizes;
}

/** @param {string} name */
async function bundle(name) {
  const { outputFiles } = await esbuild.build({
    entryPoints: [join(sources, 'browser', `${name}.ts`)],
    bundle: true,
    minifySyntax: true,
    format: 'esm',
    // What browsers have had since 2022.
    target: 'es2022',
    mangleProps: new RegExp(`^(?:${internal.join('|')})$`),
    sourcemap: 'external',
    outfile: `${name}.js`,
    write: false,
    logLevel: 'warning',
  });
  const [map = '', code = ''] = outputFiles
    .sort((one, other) => other.path.length - one.path.length)
    .map(({ text }) => text);
  // It makes the file a fiftieth smaller than esbuild does by itself. One word for all that is declared compresses better,
  // of the same length for the map.
  const { code: small = '', map: smallMap } = await minify(
    { [`${name}.js`]: (name === main ? shortenValues(code) : code).replace(/\bconst /g, 'let   ') },
    {
      module: true,
      // Functions that stand where they are used compress worse. No function is made for `new`.
      compress: { passes: 3, ecma: 2020, inline: 1, if_return: false, unsafe_arrows: true },
      // Named by a header (src/http/client-routes.ts), so that no page loads a line about it.
      sourceMap: { content: map, filename: `${name}.js` },
    },
  );
  return { code: small, map: String(smallMap) };
}

/**
 * Of the same length, for the map.
 *
 * @param {string} code
 */
function shortenValues(code) {
  return code.replace(ofValues, (text) => {
    const short = text.replace(/\w+/g, (value) => values[/** @type {keyof typeof values} */ (value)] ?? value);
    return short.padEnd(text.length);
  });
}

/**
 * The types of one file, in one file: nothing else is beside it where a page has it from.
 *
 * @param {string} name
 * @param {string[]} modules
 */
function declare(name, modules) {
  const [first = ''] = modules;
  const texts = modules.map((module) => {
    const path = join(sources, `${module}.ts`);
    const { outputText, diagnostics = [] } = ts.transpileDeclaration(readFileSync(path, 'utf8'), {
      fileName: path,
      compilerOptions: { removeComments: false, target: ts.ScriptTarget.ES2023 },
      reportDiagnostics: true,
    });
    if (diagnostics.length > 0)
      throw new Error(`the types of ${path} must be written out: ${diagnostics[0]?.messageText}`);
    return outputText;
  });
  const own = new Set(modules.map((module) => basename(module)));
  const isOwn = (/** @type {string} */ specifier) => own.has(basename(specifier, '.ts')) || name === main;
  return `// The types of /${name}.js, which is made of ${sources}/${first}.ts and others.\n\n${texts
    .join('\n')
    .replace(/^import .* from '(.*)';\n/gm, (line, /** @type {string} */ specifier) =>
      isOwn(specifier) ? '' : line.replace(specifier, `./${main}.js`),
    )
    .replace(/^\/\/ .*\n/gm, '')
    .replace(/^\/\/# sourceMappingURL.*\n?/gm, '')
    .trimStart()}`;
}
