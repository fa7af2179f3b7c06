// `npm start` compiles when there is something to compile, and else touches nothing: a checkout may be read-only.

import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { projectPath } from '../helpers/project.ts';
import { until } from '../helpers/until.ts';

t.test('a start compiles what has changed, and says so', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'teamboard-build-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const at = (path: string) => join(folder, path);
  mkdirSync(at('src/postgres/migrations'), { recursive: true });
  for (const file of [
    'package.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'scripts/build.mjs',
    'scripts/finish-build.mjs',
  ]) {
    cpSync(projectPath(file), at(file));
  }
  symlinkSync(projectPath('node_modules'), at('node_modules'));
  writeFileSync(at('src/postgres/migrations/0001.sql'), 'select 1');
  writeFileSync(at('src/a.lua'), 'return 1');
  writeFileSync(at('src/a.ts'), 'export const a: number = 1;\n');
  writeFileSync(at('src/b.ts'), 'export const b = 1;\n');
  const start = () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/build.mjs', '--if-stale'], {
      cwd: folder,
      encoding: 'utf8',
    });
    return { status, says: `${stdout}${stderr}` };
  };
  const compiles = (about: string) => t.match(start(), { status: 0, says: /^Compiling Teamboard/ }, about);
  const doesNothing = (about: string) => {
    const before = statSync(at('dist')).ctimeMs;
    t.strictSame(start(), { status: 0, says: '' }, about);
    t.equal(statSync(at('dist')).ctimeMs, before, `${about}: nothing is written`);
  };
  /** A second from now: some file systems know no less. */
  const change = (path: string) => utimesSync(at(path), new Date(Date.now() + 1000), new Date(Date.now() + 1000));
  const longAgo = new Date(Date.now() - 3_600_000);
  const settle = () => {
    for (const path of ['src', 'src/a.ts', 'src/postgres/migrations/0001.sql']) {
      utimesSync(at(path), longAgo, longAgo);
    }
  };

  compiles('a fresh clone');
  t.match(readFileSync(at('dist/a.js'), 'utf8'), 'a = 1');
  const isBuilt = (path: string) => existsSync(at(`dist/${path}`));
  t.ok(isBuilt('postgres/migrations/0001.sql') && isBuilt('a.lua'), 'what it reads beside itself');
  settle();
  doesNothing('what is built');
  writeFileSync(at('src/a.ts'), 'export const a: number = 2;\n');
  change('src/a.ts');
  compiles('a change');
  t.match(readFileSync(at('dist/a.js'), 'utf8'), 'a = 2');
  settle();
  rmSync(at('src/b.ts'));
  rmSync(at('src/a.lua'));
  change('src');
  compiles('a file that went');
  t.notOk(isBuilt('b.js') || isBuilt('a.lua'));
  settle();
  change('src/postgres/migrations/0001.sql');
  compiles('a migration');
  settle();
  writeFileSync(at('src/a.ts'), 'export const a: number = "x";\n');
  change('src/a.ts');
  t.match(start(), { status: 2, says: /a\.ts.*error/ }, 'an error stops the start');
  t.match(start(), { status: 2 }, 'and the next one too');
});

t.test('`npm run dev` starts anew with what has changed, also of what is not compiled', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'teamboard-dev-'));
  const at = (path: string) => join(folder, path);
  mkdirSync(at('src/lua'), { recursive: true });
  for (const file of [
    'package.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'scripts/dev.mjs',
    'scripts/finish-build.mjs',
  ]) {
    cpSync(projectPath(file), at(file));
  }
  symlinkSync(projectPath('node_modules'), at('node_modules'));
  const write = (code: string, lua: string) => {
    writeFileSync(at('src/lua/a.lua'), lua);
    writeFileSync(
      at('src/cli.ts'),
      `import { readFileSync } from 'node:fs';
       const lua = readFileSync(new URL('lua/a.lua', import.meta.url), 'utf8');
       console.log('runs ${code} with', lua);
       const alive = setInterval(() => {}, 1000);
       process.on('SIGINT', () => clearInterval(alive));`,
    );
  };
  write('one', 'first');
  const dev = spawn(process.execPath, ['scripts/dev.mjs'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => dev.once('exit', resolve));
  t.teardown(async () => {
    dev.kill('SIGINT');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  let output = '';
  dev.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  await until(() => output.includes('runs one with first'), 'the first start');
  writeFileSync(at('src/lua/a.lua'), 'second');
  await until(() => output.includes('runs one with second'), 'a start after a change of what is read');
  write('two', 'second');
  await until(() => output.includes('runs two with second'), 'a start after a change of the code');
});
