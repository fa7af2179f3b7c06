// What the pages say is so: their commands are run, their links lead somewhere, what they name is there.

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t from 'tap';
import { loadConfig } from '../src/config/config.ts';
import { defaultsOf, settingDescriptions, settingsHelp } from '../src/config/setting-descriptions.ts';
import { settingNames } from '../src/config/settings.ts';
import { findFreePort } from './helpers/free-port.ts';
import { anchorsOf, blocksOf, pages, textOf } from './helpers/pages.ts';
import { projectPath, readProjectFile } from './helpers/project.ts';
import { needs, run } from './helpers/shell.ts';

t.test('each command of the pages is run, or cannot be run here', async (t) => {
  /** And why it cannot. */
  const others = new Map([
    ['README.md: Two commands (1)', 'they install and run what this test is a part of'],
    ['README.md: How an event travels (1)', 'a picture'],
    [
      'docs/client-libraries.md: Go (1)',
      'two lines of a program, which takes longer to be compiled than all of this file',
    ],
    ...[
      'A board on a page (1)',
      'Two boards on a page (1)',
      'Two boards on a page (2)',
      'What is shown, and what has changed (1)',
      'Cursors and typing (1)',
    ].map((name): [string, string] => [`docs/client.md: ${name}`, 'test/client/documented-page.test.ts runs it']),
    ['docs/board.md: In a page of yours (1)', 'test/web/cases/alone.ts runs it'],
    ['docs/redis.md: A user with few rights (1)', 'test/redis/rights.test.ts runs it'],
    ['docs/redis.md: A user with few rights (2)', 'test/redis/cluster.test.ts runs it'],
    ...[1, 2, 3, 4].map((number): [string, string] => [
      `docs/proxies.md: Below a path (${number})`,
      'test/http/behind-proxy.test.ts runs it',
    ]),
    ['docs/cli.md: Following a board (1)', 'what `tail` prints'],
    ['docs/cli.md: Finding out what is wrong (2)', 'what `doctor` prints'],
    ...['Looking around', 'Finding out what is wrong', 'Accounts', 'A board as a file'].map(
      (name): [string, string] => [`docs/cli.md: ${name} (1)`, 'test/commands/documented.test.ts runs it'],
    ),
    ...[1, 2, 3, 4, 5, 6].map((number): [string, string] => [
      `docs/scaling.md: When streams come back (${number})`,
      'test/scripts/simulate-reconnects.test.ts runs it',
    ]),
    ['docs/jwt.md: Boards in the token (1)', 'what a token may say: test/accounts/claims.test.ts'],
    ['docs/jwt.md: The token of the application (1)', 'test/paths/process.test.ts runs it'],
    ['docs/settings.md: The address of the database (1)', 'test/postgres/rights.test.ts runs it'],
    ['docs/writing-with-sql.md: A board by your own name (1)', 'test/boards/board-keys.test.ts runs it'],
    [
      "docs/published-tables.md: How do pages hear of an application's own tables? (1)",
      'test/published/rows.test.ts runs it',
    ],
    ['docs/published-tables.md: Who may publish? (1)', 'test/published/rows.test.ts runs it'],
    ['docs/writing-with-sql.md: A database that is shared (3)', 'test/postgres/rights.test.ts runs it'],
    ...['Webhooks (1)', 'What comes (1)', 'What comes (2)'].map((name): [string, string] => [
      `docs/webhooks.md: ${name}`,
      'test/webhooks/documented.test.ts runs it, and looks at what comes',
    ]),
    ['docs/operations.md: Metrics (1)', 'a part of the file of another program, which needs an address of each node'],
    ...[1, 2, 3, 4, 5].map((number): [string, string] => [
      `docs/rails.md: Beside a Rails application (${number})`,
      'test/examples/rails.test.ts runs an application that has it',
    ]),
    ['docs/rails.md: Whose change it is (1)', 'test/examples/rails.test.ts runs an application that has it'],
    ...[1, 2, 3, 4, 5].map((number): [string, string] => [
      `docs/django.md: Beside a Django application (${number})`,
      'test/examples/django.test.ts runs an application that has it',
    ]),
    ['docs/django.md: Whose change it is (1)', 'test/examples/django.test.ts runs an application that has it'],
    ...[1, 2, 3, 4, 5].map((number): [string, string] => [
      `docs/express.md: Beside an Express application (${number})`,
      'test/examples/express.test.ts runs an application that has it',
    ]),
    ['docs/express.md: Whose change it is (1)', 'test/examples/express.test.ts runs an application that has it'],
    ...[1, 2, 3, 4].map((number): [string, string] => [
      `docs/laravel.md: Beside a Laravel application (${number})`,
      'needs Laravel, which neither npm nor Debian has as people use it',
    ]),
    ['docs/laravel.md: Whose change it is (1)', 'needs Laravel, which neither npm nor Debian has as people use it'],
    ['docs/fly.md: Deployment to Fly.io (1)', 'needs an account there; deploy.test.ts holds its files to the code'],
    ...['Two nodes with Compose (1)', 'Looking in (1)', 'An upgrade (1)', 'A backup (1)', 'A backup (2)'].map(
      (name): [string, string] => [
        `docs/compose.md: ${name}`,
        'needs Docker; compose.test.ts holds its files to the code',
      ],
    ),
    ['docs/systemd.md: A tarball (1)', 'test/scripts/pack.test.ts does it, with the packages that are here'],
    ...[1, 2].map((number): [string, string] => [
      `docs/systemd.md: A service of systemd (${number})`,
      'needs systemd; systemd.test.ts holds the unit to the code',
    ]),
    ['docs/sharing-and-conflicts.md: Two people, with curl (2)', 'what the commands before it print'],
    ...['Shown at once', 'Refused, or in conflict', 'Undo and redo', 'Reloads, and no network'].map(
      (name): [string, string] => [
        `docs/client-writes.md: ${name} (1)`,
        'test/client/writes/documented.test.ts runs it',
      ],
    ),
  ]);
  const calls = ['readme', 'docs', 'clients']
    .map((name) => readProjectFile(`test/${name}.test.ts`))
    .flatMap((text) => [
      ...text.matchAll(/(?:commandsOf|textOf)\(\s*'([^']+)',\s*('[^']+'|"[^"]+")(?:,\s*(\d))?\s*\)/g),
    ]);
  const tested = new Set(
    calls.map(([, page, heading = '', number = 1]) => `${page}: ${heading.slice(1, -1)} (${number})`),
  );
  const names = pages.flatMap(blocksOf).map(({ page, heading, number }) => `${page}: ${heading} (${number})`);
  for (const name of names) t.ok(tested.has(name) || others.has(name), name);
  for (const name of others.keys()) t.ok(names.includes(name) && !tested.has(name), `${name} is there, and not run`);
});

t.test('what the commands leave in the folder is no change of the checkout', async (t) => {
  const ignored = readProjectFile('.gitignore').split('\n');
  const commands = pages.flatMap(blocksOf).filter(({ language }) => language === 'sh');
  const left = commands.flatMap(({ text }) =>
    [...text.matchAll(/(?: > | -sc )([\w.]+)/g)].map(([, name = '']) => name),
  );
  const files = /\bas `(\w+\.\w+)`|`(?:node|python3) (\w+\.\w+) /gi;
  const named = pages.flatMap((page) =>
    [...readProjectFile(page).matchAll(files)].map(([, saved, started]) => saved ?? started ?? ''),
  );
  t.ok(left.length > 6, `${left}`);
  for (const name of new Set([...left, ...named])) t.ok(ignored.includes(`/${name}`), name);
});

t.test('each script and file that CONTRIBUTING.md runs is there', async (t) => {
  const { scripts } = JSON.parse(readProjectFile('package.json')) as { scripts: Record<string, string> };
  const commands = textOf('CONTRIBUTING.md', 'Contributing');
  const named = [...commands.matchAll(/npm (?:run )?(?!ci\b)([\w:]+)/g)].map(([, script = '']) => script);
  t.ok(named.length > 8);
  for (const script of named) t.ok(scripts[script], script);
  for (const [, path = ''] of commands.matchAll(/ build\/(\S+)\.js/g))
    t.ok(existsSync(projectPath(`${path}.ts`)), path);
});

t.test('each function on the way of an event, and of a broadcast, is where the pages say', async (t) => {
  const rows = ['CONTRIBUTING.md', 'src/README.md'].flatMap((page) => {
    const found = [...readProjectFile(page).matchAll(/^\| `(src\/[^`]+)` \| `([^`]+)` \|/gm)];
    t.ok(found.length >= 10, `${found.length} functions of ${page}`);
    return found;
  });
  for (const [, path = '', name = ''] of rows) {
    const files = path.endsWith('/') ? readdirSync(projectPath(path)).map((file) => path + file) : [path];
    // A declaration, and not a call: of a function or constant, of a method, or in SQL.
    const declaration = new RegExp(`((function|const) (\\w+\\.)?${name}\\b|^ +(async )?${name}\\(.*\\{$)`, 'm');
    t.ok(
      files.some((file) => existsSync(projectPath(file)) && declaration.test(readProjectFile(file))),
      `${path}: ${name}`,
    );
  }
});

t.test('each link of the pages leads somewhere', async (t) => {
  for (const page of [...pages, 'SECURITY.md', 'test/README.md', 'src/README.md']) {
    // What is no link, as `table[name](value)`, stands in blocks of code.
    const text = readProjectFile(page).replaceAll(/^```.*?^```$/gms, '');
    for (const [, link = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(link)) continue;
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? page : join(dirname(page), path);
      if (!t.ok(existsSync(projectPath(target)), `${page}: ${link}`)) continue;
      if (anchor !== undefined) t.ok(anchorsOf(target).includes(anchor), `${page}: ${link}`);
    }
  }
});

t.test('README.md leads to each page', async (t) => {
  const readme = readProjectFile('README.md');
  for (const page of pages.slice(1)) t.match(readme, `](${page})`);
});

t.test('docs/settings.md is the table of settings in the code, row by row', async (t) => {
  const [, table = ''] = /\| Variable .*\n\| --- .*\n((?:\|.*\n)+)/.exec(readProjectFile('docs/settings.md')) ?? [];
  // A default that is the name of a folder stands in backticks.
  const rows = settingDescriptions.map((setting) => {
    const names = setting.names.map((name) => `\`${name}\``).join(', ');
    return `| ${names} | ${defaultsOf(setting).replace(/^\..*/, '`$&`')} | ${setting.meaning} |`;
  });
  t.same(table.trimEnd().split('\n'), rows, 'change src/config/setting-descriptions.ts and the page together');
  t.same(settingDescriptions.flatMap(({ names }) => names).sort(), [...settingNames].sort(), 'all, and each once');
});

t.test('`teamboard --help` tells each setting, its default and what it means', async (t) => {
  const help = settingsHelp(80);
  for (const name of settingNames) t.match(help, new RegExp(`^  (.*, )?${name}[, ]`, 'm'), name);
  t.match(help, /^ {2}PORT, HOST \(3000, 127\.0\.0\.1\)$/m);
  t.match(help, /see docs\/limits\.md/);
  t.notMatch(help, /`|\]\(|.{110}/);
});

t.test('each test that a document names is there', async (t) => {
  for (const name of ['docs/reliability.md', 'SECURITY.md']) {
    const text = readProjectFile(name);
    const lists = [...text.matchAll(/`test\/([\w/-]+)\/([\w*-]+)`((?:, `[\w*-]+`)*)/g)];
    t.ok(lists.length > 20, `${lists.length} in ${name}`);
    for (const [, folder = '', first = '', others = ''] of lists) {
      const files = readdirSync(projectPath(`test/${folder}`));
      for (const test of [first, ...[...others.matchAll(/`([\w*-]+)`/g)].map(([, other = '']) => other)]) {
        const pattern = new RegExp(`^${test.replaceAll('*', '.*')}\\.test\\.ts$`);
        t.ok(
          files.some((file) => pattern.test(file)),
          `${name}: test/${folder}/${test}`,
        );
      }
    }
  }
});

t.test('the configurations of proxies that the page shows are those in deploy/', async (t) => {
  t.equal(textOf('docs/proxies.md', 'nginx'), readProjectFile('deploy/nginx.conf'));
  t.equal(textOf('docs/proxies.md', 'Caddy'), readProjectFile('deploy/Caddyfile'));
  t.equal(textOf('docs/proxies.md', 'HAProxy'), readProjectFile('deploy/haproxy.cfg'));
  t.equal(textOf('docs/proxies.md', 'Apache'), readProjectFile('deploy/apache.conf'));
  t.equal(textOf('docs/proxies.md', 'Varnish'), readProjectFile('deploy/varnish.vcl'));
});

t.test('proxies take their configuration', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'teamboard-readme-'));
  // Some read it as another user.
  chmodSync(folder, 0o755);
  t.teardown(() => rmSync(folder, { recursive: true }));
  const port = await findFreePort();
  const at = (text: string) => text.replaceAll(/\/etc\/(haproxy|apache2)\//g, `${folder}/`);
  const modules = ['mpm_event', 'authz_core', 'alias', 'asis', 'headers', 'proxy', 'proxy_http'];
  const loadModules = modules
    .map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`)
    .join('\n');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  const proxies = [
    {
      check: 'nginx -t -c',
      config: textOf('docs/proxies.md', 'nginx'),
      whole: (text: string) =>
        `pid ${folder}/pid; error_log ${folder}/log; events {} http { ${temporary.join(' ')} ${text.replace('listen 80;', `listen ${port};`)} }`,
    },
    { check: 'caddy validate --adapter caddyfile --config', config: textOf('docs/proxies.md', 'Caddy') },
    {
      check: 'haproxy -c -f',
      config: textOf('docs/proxies.md', 'HAProxy'),
      answer: textOf('docs/proxies.md', 'HAProxy', 2),
    },
    {
      check: 'apache2 -t -f',
      config: textOf('docs/proxies.md', 'Apache'),
      answer: textOf('docs/proxies.md', 'Apache', 2),
      whole: (text: string) =>
        `ServerRoot ${folder}\nServerName localhost\nDefaultRuntimeDir ${folder}\nErrorLog ${folder}/log\n${loadModules}\n${text}`,
    },
    { check: 'varnishd -C -f', config: textOf('docs/proxies.md', 'Varnish') },
  ];
  for (const { check, config, answer = '', whole = (text: string) => text } of proxies) {
    const [program = ''] = check.split(' ');
    await t.test(program, needs(program), async (t) => {
      if (answer) await run(t, at(answer));
      const file = join(folder, `${program}.conf`);
      writeFileSync(file, whole(at(config)));
      const { status, stdout, stderr } = spawnSync(`${check} ${file}`, {
        shell: true,
        encoding: 'utf8',
        env: { PATH: process.env.PATH, HOME: folder },
      });
      t.equal(status, 0, `${stdout}${stderr}`.slice(-1000));
      t.match(config + answer, /"?busy\\?"?,\\?"retry\\?":true/, 'with the answer for streams whose node is away');
    });
  }
  const settings = textOf('docs/proxies.md', 'Behind a proxy').trim().split(' ');
  t.match(loadConfig(Object.fromEntries(settings.map((setting) => setting.split('=')))), {
    publicUrl: 'https://boards.example',
    trustProxy: ['127.0.0.1'],
  });
});
