// `npm pack`: the tarball has what a node needs to run and nothing else, whatever lies in the checkout, and runs where it
// is installed.

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t from 'tap';
import { spawnNode } from '../helpers/process.ts';
import { projectPath, readProjectFile } from '../helpers/project.ts';

interface PackageJson {
  name: string;
  version: string;
  bin: { teamboard: string };
  exports: Record<string, { types: string; default: string }>;
  dependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  overrides: Record<string, unknown>;
}

const packageJson = JSON.parse(readProjectFile('package.json')) as PackageJson;
const folder = mkdtempSync(join(tmpdir(), 'teamboard-pack-'));
// The embedded PostgreSQL runs as another user.
chmodSync(folder, 0o755);
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
/** A clean clone, with the packages of this one: other tests run what lies in its dist/ meanwhile. */
const checkout = join(folder, 'checkout');
/** Somebody's folder, with the tarball in its node_modules. */
const home = join(folder, 'home');
const installed = join(home, 'node_modules', packageJson.name);

/** Without tap's variables, which would make what is run a part of the coverage. */
function run(cwd: string, program: string, ...args: string[]): string {
  const { PATH = '', HOME = '' } = process.env;
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8', env: { PATH, HOME } });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}: ${stdout}${stderr}`);
  return stdout;
}

function filesOf(path: string): string[] {
  const all = readdirSync(path, { recursive: true }) as string[];
  return all.filter((name) => statSync(join(path, name)).isFile()).sort();
}

t.test('it is built anew, and has what was built and nothing else', async (t) => {
  const sources = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'scripts', 'src'];
  for (const path of [...sources, 'README.md', 'CHANGELOG.md', 'LICENSE']) {
    cpSync(projectPath(path), join(checkout, path), { recursive: true });
  }
  symlinkSync(projectPath('node_modules'), join(checkout, 'node_modules'));
  for (const path of ['dist/gone.js', '.data/postgres/PG_VERSION', '.env', 'test/a.test.ts', 'jar']) {
    mkdirSync(dirname(join(checkout, path)), { recursive: true });
    writeFileSync(join(checkout, path), '');
  }
  run(checkout, 'npm', 'pack', '--silent', '--pack-destination', folder);
  mkdirSync(installed, { recursive: true });
  const tarball = join(folder, `${packageJson.name}-${packageJson.version}.tgz`);
  run(folder, 'tar', '--extract', '--file', tarball, '--directory', installed, '--strip-components=1');

  const files = filesOf(installed);
  // Maps of the server lead to sources that are not there; those of the client have them, and nodes serve them.
  const isFor = (name: string) => !name.startsWith('.') && (!name.endsWith('.map') || name.startsWith('client/'));
  const built = filesOf(join(checkout, 'dist')).filter(isFor);
  t.strictSame(files, ['CHANGELOG.md', 'LICENSE', 'README.md', ...built.map((name) => `dist/${name}`), 'package.json']);
  t.notOk(files.includes('dist/gone.js'), 'no output of a source that is gone');
  const read = filesOf(projectPath('src')).filter((name) => /\.(?:sql|lua)$|^web\/public\//.test(name));
  t.ok(read.length > 10);
  for (const name of read) t.ok(files.includes(`dist/${name.replace('web/public/', 'web/')}`), name);
  const named = Object.values(packageJson.exports).flatMap(({ types, default: code }) => [types, code]);
  for (const path of [packageJson.bin.teamboard, ...named]) t.ok(files.includes(path.replace('./', '')), path);
});

t.test('it asks for each package that it imports, and what holds for those holds where it is installed', async (t) => {
  const { dependencies, optionalDependencies, devDependencies, overrides } = packageJson;
  const server = filesOf(join(installed, 'dist')).filter((name) => /^(?!client\/|web\/).*\.js$/.test(name));
  const imports =
    /^(?:import|export|\}).* from '([^.#'][^']*)';$|^import '([^.#'][^']*)';$|\bimport\('([^.#'][^']*)'\)/gm;
  const imported = server.flatMap((name) =>
    [...readFileSync(join(installed, 'dist', name), 'utf8').matchAll(imports)].map(
      ([, from, alone, late]) => /^(?:@[^/]+\/)?[^/]+/.exec(from ?? alone ?? late ?? '')?.[0] ?? '',
    ),
  );
  const packages = new Set(imported.filter((name) => !name.startsWith('node:')));
  t.ok(packages.size > 20);
  for (const name of packages) t.ok(name in dependencies, name);
  for (const name of Object.keys(overrides)) {
    t.ok(name in devDependencies, `${name}: overrides and the lock file count in a checkout alone`);
  }
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    const link = join(home, 'node_modules', name);
    // Those of other platforms are not here.
    if (name in optionalDependencies && !existsSync(projectPath(`node_modules/${name}`))) continue;
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(projectPath(`node_modules/${name}`), link);
  }
});

t.test('`npx teamboard` runs it, with a database of its own in the folder', async (t) => {
  // As `npm install` does. Without a package.json there, that of a folder above would say what names mean.
  writeFileSync(join(home, 'package.json'), '{}');
  mkdirSync(join(home, 'node_modules/.bin'));
  symlinkSync(join(installed, packageJson.bin.teamboard), join(home, 'node_modules/.bin/teamboard'));
  chmodSync(join(installed, packageJson.bin.teamboard), 0o755);
  t.equal(run(home, 'npx', '--no-install', 'teamboard', '--version'), `${packageJson.version}\n`);

  const node = await spawnNode(t, {}, { installedIn: home });
  const get = (path: string) => fetch(node.url + path, { headers: { accept: 'text/html, */*' } });
  t.match(await (await get('/readyz')).json(), { ready: true, postgres: 'up', listener: 'up' });
  const page = await (await get('/')).text();
  t.match(page, '<!doctype html>');
  const [, script = ''] = /<script[^>]* src="([^"]+)"/.exec(page) ?? [];
  for (const path of [script, '/client.js', '/client.js.map', '/client.d.ts', '/openapi.json', '/docs/']) {
    t.equal((await get(path)).status, 200, path);
  }
  node.kill('SIGINT');
  t.strictSame(await node.exit(), { code: 0, signal: null });
  t.strictSame(readdirSync(home).sort(), ['.data', 'node_modules', 'package.json'], 'and leaves nothing else');
});

t.test('programs import the client from it', async (t) => {
  const names = Object.keys(packageJson.exports).map((path) => path.replace('.', packageJson.name));
  const code = `for (const name of ${JSON.stringify(names)}) console.log(name, Object.keys(await import(name)).length > 0);`;
  const said = run(home, process.execPath, '--input-type=module', '--eval', code);
  t.strictSame(
    said.trimEnd().split('\n'),
    names.map((name) => `${name} true`),
  );
});
