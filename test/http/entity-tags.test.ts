// Entity tags as clients and what stands before us write them: read as we gave them, whole or not at all, at a bounded cost.

import fc from 'fast-check';
import t from 'tap';
import { isKnown, parseEntityTags } from '../../src/http/entity-tags.ts';
import { cpuMs } from '../helpers/cpu-time.ts';

/** A version, or a cursor: no other tags are given. */
const ours = fc.oneof(
  fc.integer({ min: 1, max: 2 ** 31 - 1 }).map(String),
  fc.tuple(fc.nat(2 ** 32 - 1), fc.nat()).map(([epoch, seq]) => `${epoch.toString(16).padStart(8, '0')}-${seq}`),
);
/** What becomes of a tag behind a proxy that compresses. */
const proxied = fc.constantFrom(
  (tag: string) => `"${tag}"`,
  (tag: string) => `W/"${tag}"`,
  ...['-gzip', '-br', '-zstd', '-deflate', '--gzip', ';gzip', ';gz', ';br', ':gzip'].flatMap((coding) => [
    (tag: string) => `"${tag}${coding}"`,
    (tag: string) => `W/"${tag}${coding}"`,
  ]),
);
const blanks = fc.constantFrom('', ' ', '\t', '  ');
const empties = fc.constantFrom('', ',', ' ,\t,');

t.test('a list of tags is read as it was given, whatever a proxy made of each', async (t) => {
  const lists = fc.array(fc.tuple(ours, proxied, blanks, blanks, empties), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(lists, ours, (list, another) => {
      const header = list.map(([tag, proxy, before, after, empty]) => `${empty}${before}${proxy(tag)}${after}`).join();
      t.strictSame(parseEntityTags(header), new Set(list.map(([tag]) => tag)), header);
      for (const [tag] of list) t.ok(isKnown(header, tag), header);
      t.equal(
        isKnown(header, another),
        list.some(([tag]) => tag === another),
        header,
      );
    }),
  );
  t.strictSame(parseEntityTags('"x,y", "", W/""'), new Set(['x,y', '']));
  for (const anything of ['*', ' *\t']) {
    t.equal(parseEntityTags(anything), 'any');
    t.ok(isKnown(anything, '3'));
  }
  for (const other of ['"3-gzi"', '"3gzip"', '"3-gzip-x"', '"w/3"', '"03"', '"3-"'])
    t.notOk(isKnown(other, '3'), other);
});

t.test('what is no list of tags is nothing', async (t) => {
  const malformed = ['', ' ', ',', ' , ,', '3', '"3', '3"', '"3" "4"', 'w/"3"', 'W/3', 'W/ "3"', '*, "3"', '"3", *'];
  for (const header of [...malformed, '"3";', '"a b"', "'3'", '"3",,x', '"3" \u007f']) {
    t.equal(parseEntityTags(header), undefined, header);
    t.notOk(isKnown(header, '3'), header);
  }
  t.notOk(isKnown(undefined, '3'));
});

t.test('a header as long as one can be costs as much as it is long (E5)', async (t) => {
  const LENGTH = 16 * 1024;
  const repeats = [',', ' ', '\t', '"', '""', '"1",', '"1" ', 'W/', 'W/"', '-', '"-', '-gzip', '*'];
  for (const part of repeats) {
    const filling = part.repeat(LENGTH / part.length);
    for (const header of [filling, `"${filling}`, `"1"${filling}`, `"1",${filling}"`, `W/"${filling}"`]) {
      const ms = cpuMs(() => {
        for (let round = 0; round < 10; round += 1) parseEntityTags(header);
      });
      // Some 10 ms; what grows with the square of the length takes a second.
      t.ok(ms < 400, `${JSON.stringify(header.slice(0, 10))}…: ${Math.round(ms)} ms`);
    }
  }
});
