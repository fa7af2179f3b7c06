// Numbers of a body: what a double keeps passes, however it is written, and nothing else.

import fc from 'fast-check';
import t from 'tap';
import { findInexactNumber } from '../../src/http/exact-numbers.ts';
import { cpuMs } from '../helpers/cpu-time.ts';

const kept = [
  ...['0', '-0', '-0.0', '0.00', '0e5', '1', '1.0', '1.10', '1e3', '1E+3', '0.1', '1e-3', '-1.5e-7', '1e21', '5e-324'],
  ...['1000000000000000000000', '123456789012345680000', '9007199254740992', '1.7976931348623157e308', '0.1e1'],
  // Too large for any double: refused where its place is known.
  '1e400',
];
const refused = [
  ...['12345678901234567890', '-12345678901234567890', '9007199254740993', '1e-400', '0.1000000000000000055'],
  ...['0.30000000000000001', '1.00000000000000000001', '12345678901234567890e0', `${'9'.repeat(400)}e-390`],
];

t.test('a number is kept when it is the shortest decimal of its double', async (t) => {
  for (const number of kept) t.equal(findInexactNumber(`{"n":${number}}`), undefined, number);
  for (const number of refused) {
    t.equal(findInexactNumber(`{"a":[1,${number}]}`), number, number);
    t.equal(findInexactNumber(`{"a":\n\t${number} }`), number, `${number} after a blank`);
    t.equal(
      findInexactNumber(JSON.stringify({ [`a:${number}`]: `[\\"${number},` })),
      undefined,
      `${number} in a string`,
    );
  }
  const anyDouble = fc.double({ noNaN: true, noDefaultInfinity: true });
  fc.assert(
    fc.property(fc.array(anyDouble), (numbers) => findInexactNumber(JSON.stringify({ numbers })) === undefined),
  );
  fc.assert(fc.property(fc.json(), (json) => findInexactNumber(json) === undefined));
});

t.test('a megabyte of them is looked through in no time (E5)', async (t) => {
  const bodies = [
    `["${'\\"'.repeat(500_000)}", 1e1]`,
    `[1e1,${'0'.repeat(1)}.${'1'.repeat(1_000_000)}]`,
    `[${'1e1,'.repeat(250_000)}1]`,
    `[0.1${'0'.repeat(1_000_000)}1]`,
    `[0.${'10'.repeat(500_000)}1]`,
    `[${'0.1000000000000000000001,'.repeat(40_000)}1]`,
    `["${':1'.repeat(500_000)}"]`,
    `["${':-'.repeat(500_000)}1e1"]`,
  ];
  for (const body of bodies) {
    t.ok(cpuMs(() => findInexactNumber(body)) < 1000, body.slice(0, 20));
  }
});
