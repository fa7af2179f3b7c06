// What a name is: the same in the API and in the database, for users, boards and tokens.

import fc from 'fast-check';
import t from 'tap';
import { cleanName, nameInput } from '../../src/http/name.ts';
import { Client } from '../helpers/client.ts';
import { cpuMs } from '../helpers/cpu-time.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { sameProblem } from '../helpers/problem.ts';

const database = await useDatabase(t);
const pattern = new RegExp((nameInput(100) as { pattern?: string }).pattern ?? '', 'u');
const fits = (text: string) => text !== '' && pattern.test(text);
const MAX_CODE_POINT = 0x10ffff;

/** NUL and halves of surrogate pairs are no text of PostgreSQL. */
const isText = (code: number) => code > 0 && (code < 0xd800 || code > 0xdfff) && code <= MAX_CODE_POINT;

/** @returns which of the texts the database takes for names */
async function areNames(texts: string[]): Promise<boolean[]> {
  const rows = await database.sql<{ fits: boolean }>(
    'select teamboard.is_name(name) as fits from unnest($1::text[]) with ordinality as given (name, place) order by place',
    [texts],
  );
  return rows.map(({ fits }) => fits);
}

t.test('the API and the database agree about each code point, alone and in a name', async (t) => {
  const codes = Array.from({ length: MAX_CODE_POINT + 1 }, (_, code) => code).filter(isText);
  for (const around of ['', 'a']) {
    // What stands at its edges is trimmed before it is stored.
    const texts = codes.map((code) => around + String.fromCodePoint(code) + around).map((text) => text.trim());
    const stored = await areNames(texts);
    const differing = codes.filter((_, index) => fits(texts[index] ?? '') !== stored[index]);
    t.same(
      differing.map((code) => code.toString(16)),
      [],
    );
  }
});

t.test('they agree about any text', async (t) => {
  const character = fc.oneof(
    fc.constantFrom(...[...' \t\n\r\u0085\u00a0\u200b\u200d\u2028\u2029\u2060\u2800\u3000\u3164\ufe0f\ufeffa👍é']),
    fc
      .integer({ min: 1, max: MAX_CODE_POINT })
      .filter(isText)
      .map((code) => String.fromCodePoint(code)),
  );
  const texts = fc
    .sample(fc.array(character, { maxLength: 8 }), { numRuns: 20_000, seed: 8 })
    .map((all) => all.join(''));
  const trimmed = texts.map((text) => text.trim());
  const stored = await areNames(trimmed);
  t.same(
    texts.filter((text, index) => fits(text) !== stored[index]),
    [],
  );
  const cleaned = texts.map((text) => cleanName(text, 100));
  const kept = await areNames(cleaned.map((name) => name ?? 'x'));
  t.ok(kept.every(Boolean), 'a name that was cleaned is one');
  t.same(
    texts.filter((text, index) => fits(text) && cleaned[index] !== text.trim()),
    [],
    'and a name that is one stays as it is',
  );
});

t.test('users, boards and tokens have names of one line that show something', async (t) => {
  const node = await startNode(t, database.url);
  const ada = await Client.keep(node, { name: 'Ada', email: 'ada@example.org', password: 'correct horse' });
  const boardId = await ada.createBoard();
  const routes: Array<[method: string, path: string]> = [
    ['POST', '/guests'],
    ['PATCH', '/users/me'],
    ['POST', '/boards'],
    ['PATCH', `/boards/${boardId}`],
    ['POST', '/tokens'],
  ];
  for (const [method, path] of routes) {
    for (const name of ['a\nb', 'a\u2028b', 'a\u0007b', 'a\u0085b', '\u200b', '\u3164 \u2800', '\u202e', ' ', '']) {
      const answer = await ada.request(method, path, { name });
      sameProblem(t, answer, 'TB_INVALID', { errors: answer.body.errors, message: `${path} ${escape(name)}` });
      t.equal(answer.body.errors[0].path, '/name');
    }
    for (const name of ['👩🏽‍💻', 'a\u200db', '\u200fאדה', ' \n Ada  Lovelace\t']) {
      const { body } = await ada.request(method, path, { name });
      t.equal((body.user ?? body.board ?? body.token).name, name.trim(), path);
    }
  }
  for (const table of ['users', 'boards', 'tokens']) {
    await t.rejects(database.sql(`update teamboard.${table} set name = E'a\\nb'`), { message: `${table}_name` });
  }
});

t.test('a text that is no name costs no more than its length', async (t) => {
  const parts = [' ', '\n', 'a', 'a ', ' \u200b', '\u200b', '\u00a0\u3000a'];
  const ms = cpuMs(() => {
    for (const part of parts) {
      for (const end of ['', '\0', '\n\0', 'a\0']) pattern.test(part.repeat(250_000 / part.length) + end);
    }
  });
  t.ok(ms < 1500, `${Math.round(ms)} ms for 28 texts of 250 KB`);
});
