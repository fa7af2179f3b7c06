// Checks the direction of the imports in src/ (src/README.md says why). Prints each violation as one line.
//
//   node scripts/check-imports.mjs [folder …], each a tree of its own

import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import ts from 'typescript';

/**
 * @typedef {object} Import
 * @property {string} file of the import, relative to the checked folder
 * @property {number} line
 * @property {string} specifier as it is written, or what is read or called
 * @property {boolean} isTypeOnly leaves nothing behind in the compiled code
 * @property {string} [target] the imported file, when it is one of ours
 */

/** The folder that a file belongs to. Files of the root stand each for themselves. @param {string} file */
const folderOf = (file) => (file.includes('/') ? posix.dirname(file) : file);

/** @param {string} file */
const isWiring = (file) => /-(plugin|routes)\.ts$/.test(file) || !file.includes('/');

/** In one of the folders or below it. @param {string} file @param {string[]} folders */
const isIn = (file, ...folders) => folders.some((folder) => file.startsWith(`${folder}/`));

/** @param {string} file */
const mayHoldSql = (file) => file.endsWith('-store.ts') || isIn(file, 'events', 'postgres');

/** Which folder must not know which: types count too. @type {Array<[from: string, to: string[], rule: string]>} */
const directions = [
  [
    'background',
    [
      'access',
      'accounts',
      'boards',
      'broadcasts',
      'config',
      'events',
      'http',
      'liveness',
      'ops',
      'postgres',
      'presence',
      'redis',
      'streams',
    ],
    'background is the ground floor',
  ],
  ['boards', ['streams'], 'boards and streams never import each other'],
  ['streams', ['boards'], 'boards and streams never import each other'],
  [
    'events',
    ['boards', 'streams', 'liveness', 'presence', 'broadcasts'],
    'events knows nobody who writes or reads the log',
  ],
  ['streams/wire', ['streams/fan-out', 'streams/opening'], 'wire is the ground floor of streams'],
  ['streams/fan-out', ['streams/opening'], 'opening knows fan-out, not the other way round'],
  ['access', ['accounts', 'boards', 'streams'], 'access is asked by those whose work hangs on it'],
  ['streams', ['broadcasts'], 'broadcasts knows streams, not the other way round'],
  ['streams', ['liveness', 'presence'], 'liveness knows streams, not the other way round'],
  ['liveness', ['boards', 'presence'], 'presence knows liveness, not the other way round, and liveness no boards'],
  ['http', ['postgres'], 'http is told what an error of the database means'],
  ['streams', ['webhooks'], 'webhooks read the log beside the streams'],
  ['boards', ['webhooks'], 'webhooks know boards, not the other way round'],
  ['presence', ['boards', 'webhooks'], 'presence comes from the registry'],
  ['broadcasts', ['boards'], 'a broadcast is no change of a board'],
];

/** What runs in pages: bundled by the build, and read by the server as files. The application is made with the client. */
const client = 'client';
const web = 'web';
/** What the command line and pages both ask of the way between a client and a node. */
const way = 'way';
/** Of the application. */
const webPackages = /^(?:lit(?:\/.*)?|@preact\/signals-core|fractional-indexing|lean-qr|papaparse)$/;

/** Who may use a package or a global. @type {Array<{ uses: RegExp, by: (file: string, use: Import) => boolean, rule: string }>} */
const owners = [
  {
    uses: /^pg(-connection-string)?$/,
    by: (file, { isTypeOnly }) => isIn(file, 'postgres') || (isTypeOnly && mayHoldSql(file)),
    rule: 'only postgres/ makes connections; their types belong to *-store.ts, events/ and postgres/',
  },
  { uses: /^\.query\(\)$/, by: mayHoldSql, rule: 'SQL lives in *-store.ts, events/ and postgres/' },
  { uses: /^better-sse(\/|$)/, by: (file) => isIn(file, 'streams'), rule: 'only streams/ knows better-sse' },
  {
    uses: /^ioredis(\/|$)/,
    by: (file) => isIn(file, 'redis', 'liveness', 'presence'),
    rule: 'only redis/, liveness/ and presence/ know ioredis',
  },
  {
    uses: /^(fastify|fastify-plugin|@fastify\/.*)$/,
    by: (file, { isTypeOnly }) => isTypeOnly || isWiring(file),
    rule: 'only *-plugin.ts, *-routes.ts and the files of the root know Fastify; others may name its types',
  },
  {
    uses: /^(process\.env|(node:)?process)$/,
    by: (file) => ['server.ts', 'cli.ts'].includes(file),
    rule: 'only server.ts and cli.ts read the environment; all others get their settings as arguments',
  },
];

const folders = process.argv.length > 2 ? process.argv.slice(2) : ['src'];
const lines = folders.flatMap(check);
for (const line of lines) console.log(line);
process.exitCode = lines.length > 0 ? 1 : 0;

/** @param {string} folder @returns {string[]} a line for each violation */
function check(folder) {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.ts'))
    .sort();
  if (files.length === 0) return [`${folder} holds no file to check`];
  const imports = files.flatMap((file) => readImports(folder, file));
  const ours = imports.filter(({ target }) => target !== undefined);
  const violations = [
    ...imports.flatMap(misdirected),
    ...imports.flatMap(misused),
    // Folders may name each other's types: nothing is loaded for them.
    ...cyclic(
      ours.filter(({ isTypeOnly }) => !isTypeOnly),
      folderOf,
      'folders',
    ),
    ...cyclic(ours, (file) => file, 'files'),
  ];
  return violations.map(({ use, rule }) => `${join(folder, use.file)}:${use.line} imports ${use.specifier}: ${rule}`);
}

/** @param {Import} use */
function misdirected(use) {
  const { file, target } = use;
  if (target === undefined) return [];
  if (isIn(file, web) || isIn(target, web)) {
    if (isIn(file, web) && isIn(target, web, client, way)) return [];
    return [{ use, rule: 'web imports the client and the way alone, and nobody imports web' }];
  }
  if (isIn(file, way) && !isIn(target, way)) return [{ use, rule: 'way runs in pages too, and imports nobody' }];
  if (isIn(file, client) !== isIn(target, client)) return [{ use, rule: 'client and server never import each other' }];
  return directions.flatMap(([from, to, rule]) => (isIn(file, from) && isIn(target, ...to) ? [{ use, rule }] : []));
}

/** @param {Import} use */
function misused(use) {
  if (use.target !== undefined) return [];
  if (isIn(use.file, client)) {
    return use.specifier.startsWith('.') ? [] : [{ use, rule: 'client runs in pages, without any package' }];
  }
  if (isIn(use.file, web)) {
    if (use.specifier.startsWith('.') || webPackages.test(use.specifier)) return [];
    return [{ use, rule: 'web runs in pages, with Lit, signals and fractional indexing' }];
  }
  return owners.flatMap(({ uses, by, rule }) =>
    uses.test(use.specifier) && !by(use.file, use) ? [{ use, rule }] : [],
  );
}

/**
 * What needs itself, directly or round others.
 *
 * @param {Import[]} all
 * @param {(file: string) => string} placeOf
 * @param {string} what
 */
function cyclic(all, placeOf, what) {
  /** @type {Map<string, Set<string>>} */
  const needs = new Map();
  const crossing = all
    .map((use) => ({ use, from: placeOf(use.file), to: placeOf(/** @type {string} */ (use.target)) }))
    .filter(({ from, to }) => from !== to);
  for (const { from, to } of crossing) needs.set(from, (needs.get(from) ?? new Set()).add(to));
  return crossing.flatMap(({ use, from, to }) => {
    const way = findWay(needs, to, from);
    return way ? [{ use, rule: `${what} import each other in a circle: ${[from, ...way].join(' → ')}` }] : [];
  });
}

/**
 * @param {Map<string, Set<string>>} needs
 * @param {string} from
 * @param {string} to
 * @returns {string[] | undefined} the shortest way
 */
function findWay(needs, from, to) {
  const ways = [[from]];
  const seen = new Set([from]);
  for (const way of ways) {
    const last = /** @type {string} */ (way.at(-1));
    if (last === to) return way;
    for (const next of needs.get(last) ?? []) {
      if (!seen.has(next)) ways.push([...way, next]);
      seen.add(next);
    }
  }
  return undefined;
}

/** @param {string} folder @param {string} file @returns {Import[]} */
function readImports(folder, file) {
  const source = ts.createSourceFile(file, readFileSync(join(folder, file), 'utf8'), ts.ScriptTarget.Latest, true);
  /** @type {Import[]} */
  const found = [];
  /** @param {ts.Node} node @param {string} specifier @param {boolean} isTypeOnly */
  const add = (node, specifier, isTypeOnly) => {
    const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1;
    const target = specifier.startsWith('./') || specifier.startsWith('../');
    found.push({
      file,
      line,
      specifier,
      isTypeOnly,
      ...(target && { target: posix.join(posix.dirname(file), specifier).replace(/\.js$/, '.ts') }),
    });
  };
  /** @param {ts.Node} node */
  const visit = (node) => {
    if (ts.isImportDeclaration(node)) add(node, textOf(node.moduleSpecifier), isTypeOnlyImport(node));
    else if (ts.isExportDeclaration(node) && node.moduleSpecifier) {
      add(node, textOf(node.moduleSpecifier), isTypeOnlyExport(node));
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node, textOf(node.argument.literal), true);
    } else if (ts.isCallExpression(node)) {
      const [first] = node.arguments;
      if (node.expression.kind === ts.SyntaxKind.ImportKeyword && first) add(node, textOf(first), false);
      if (ts.isPropertyAccessExpression(node.expression) && node.expression.name.text === 'query') {
        add(node, '.query()', false);
      }
    } else if (ts.isPropertyAccessExpression(node) && node.getText() === 'process.env') add(node, 'process.env', false);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** @param {ts.Node} node */
function textOf(node) {
  return ts.isStringLiteralLike(node) ? node.text : node.getText();
}

/** @param {ts.ImportDeclaration} node */
function isTypeOnlyImport({ importClause }) {
  if (!importClause) return false;
  if (importClause.isTypeOnly) return true;
  const { name, namedBindings } = importClause;
  if (name || !namedBindings || !ts.isNamedImports(namedBindings)) return false;
  return namedBindings.elements.length > 0 && namedBindings.elements.every(({ isTypeOnly }) => isTypeOnly);
}

/** @param {ts.ExportDeclaration} node */
function isTypeOnlyExport({ isTypeOnly, exportClause }) {
  if (isTypeOnly) return true;
  if (!exportClause || !ts.isNamedExports(exportClause)) return false;
  return exportClause.elements.length > 0 && exportClause.elements.every((element) => element.isTypeOnly);
}
