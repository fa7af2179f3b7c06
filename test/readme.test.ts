// The README's sessions with curl, run as they stand there against a node on a free port; and the tests that it names.

import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createParser } from 'eventsource-parser';
import t, { type Test } from 'tap';
import type { ReceivedFrame } from './helpers/event-stream.ts';
import { startNode, useDatabase } from './helpers/node.ts';
import { projectPath, readProjectFile } from './helpers/project.ts';

const readme = readProjectFile('README.md');
const needsCurl = spawnSync('curl', ['--version']).error ? { skip: 'needs curl' } : {};
const database = await useDatabase(t);
const node = await startNode(t, database.url);

/** The first block of shell commands under a heading, for the address of this test's node. */
function commandsUnder(heading: string): string {
  const [, section = ''] = readme.split(`\n## ${heading}\n`);
  const [, commands] = /```sh\n(.*?)```/s.exec(section.split('\n## ')[0] ?? '') ?? [];
  if (!commands) throw new Error(`the README has no commands under "${heading}"`);
  return commands.replaceAll('http://127.0.0.1:3000', node.url);
}

/** Runs them in an empty folder, as a user would, and stops at the first that fails. */
async function run(t: Test, commands: string) {
  const folder = mkdtempSync(join(tmpdir(), 'teamboard-readme-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', commands], {
    cwd: folder,
    timeout: 30_000,
  });
  return { stdout, read: (name: string) => readFileSync(join(folder, name), 'utf8') };
}

function framesOf(text: string): ReceivedFrame[] {
  const frames: ReceivedFrame[] = [];
  const parser = createParser({
    onEvent: ({ id, event, data }) => {
      if (event !== 'presence') frames.push({ id, event, data: JSON.parse(data) });
    },
  });
  parser.feed(text);
  return frames;
}

t.test(
  'two people: register, invite by link, both stream, conflict, removal ends the stream (E6)',
  needsCurl,
  async (t) => {
    const { stdout, read } = await run(t, commandsUnder('Two people, with curl'));
    const [registered = '', accepted = '', changed = '', conflict = '', ...end] = stdout.split('\n');
    t.match(JSON.parse(registered), { user: { name: 'Ada', guest: false } });
    t.match(JSON.parse(accepted), { board: { name: 'Plans' }, role: 'editor' });
    t.match(JSON.parse(changed), { item: { text: 'Milk and bread', version: 2 } });
    t.match(JSON.parse(conflict), {
      status: 412,
      code: 'TB_CONFLICT',
      current: { text: 'Milk and bread', version: 2 },
      base: { text: 'Milk', version: 1 },
      conflicts: [{ field: 'text', actor: { name: 'Ada' } }],
    });

    const bobs = framesOf(read('bob.stream'));
    t.match(bobs, [
      { event: 'ready' },
      { event: 'changed', data: { seq: 5, changes: ['text'], object: { text: 'Milk and bread' } } },
      { event: 'changed', data: { seq: 6, resource: 'member', action: 'deleted', object: { user: { name: 'Bob' } } } },
      { event: 'close', data: { reason: 'revoked', retry: false } },
    ]);
    t.equal(bobs.length, 4, 'and nothing after it');
    t.match(
      framesOf(read('ada.stream')).map(({ data }) => data.seq),
      [undefined, 5, 6],
    );

    const refusal = end.slice(-2).join('');
    t.match(JSON.parse(refusal), { status: 404, code: 'TB_NOT_FOUND' });
    const shown = end.slice(0, -2).join('\n');
    t.match(
      framesOf(`${shown}\n\n`),
      [{ event: 'changed', data: { seq: 6 } }, { event: 'close' }],
      'what `tail` shows',
    );
  },
);

t.test('the first steps', needsCurl, async (t) => {
  // Its stream stays open until it is stopped.
  const commands = `${commandsUnder('Try it').replace('& sleep 1;', '> stream & sleep 1;')}\nuntil grep -q Hello stream; do sleep 0.1; done; kill $!`;
  const { read } = await run(t, commands);
  t.match(framesOf(read('stream')), [{ event: 'ready' }, { event: 'changed', data: { object: { text: 'Hello' } } }]);
});

t.test('a token for programs', needsCurl, async (t) => {
  const { stdout } = await run(t, commandsUnder('Who is calling'));
  t.match(stdout, /"boards":\[\]/);
});

t.test('each test that a document names is there', async (t) => {
  for (const name of ['README.md', 'SECURITY.md']) {
    const text = readProjectFile(name);
    const lists = [...text.matchAll(/`test\/([\w-]+)\/([\w*-]+)`((?:, `[\w*-]+`)*)/g)];
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
