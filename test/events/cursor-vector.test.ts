// The cursor of many boards: what it says comes back, how long it is, and that nothing else is taken for one.

import fc from 'fast-check';
import t from 'tap';
import { formatVector, parseVector, type Vector, VectorText } from '../../src/events/cursor-vector.ts';
import { cpuMs } from '../helpers/cpu-time.ts';
import { Random } from '../soak/random.ts';

const epoch = fc.stringMatching(/^[0-9a-f]{8}$/);
const seq = (most: number) => fc.option(fc.nat(most), { nil: undefined });

/** @param mostNumber of the boards, and of their events */
const vectors = (mostNumber: number, mostSeq: number) =>
  fc.record({
    epoch,
    isRestLost: fc.boolean(),
    places: fc
      .uniqueArray(fc.tuple(fc.integer({ min: 1, max: mostNumber }), seq(mostSeq)), {
        selector: ([number]) => number,
        maxLength: 256,
      })
      .map((places) => new Map(places)),
  });

/** A database as large ones are: a million boards, with some hundred thousand events each. */
const large = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 256 })).map(([seed, count]): Vector => {
  // Evenly: what fast-check draws itself is mostly at the edges.
  const random = new Random(seed);
  const places = new Map<number, number>();
  while (places.size < count)
    places.set(random.whole(1, 1_000_000), Math.floor(-Math.log(1 - random.next()) * 300_000));
  return { epoch: 'abcdef01', isRestLost: false, places };
});

const sorted = ({ places, ...head }: Vector) => ({
  ...head,
  places: [...places].sort(([one], [other]) => one - other),
});
const read = (text: string) => {
  const vector = parseVector(text);
  return vector && sorted(vector);
};

t.test('what was written is read again, however large it is (E2)', async (t) => {
  for (const [mostNumber, mostSeq] of [
    [300, 50],
    [1_000_000, 1_000_000],
    [2 ** 31, 2 ** 31 - 1],
  ] as const) {
    fc.assert(
      fc.property(vectors(mostNumber, mostSeq), (vector) => {
        t.strictSame(read(formatVector(vector)), sorted(vector));
      }),
      { numRuns: 30 },
    );
  }
  const astronomical = new Map([
    [1, undefined],
    [2, 2 ** 53 - 2],
    [2 ** 53 - 1, 0],
  ]);
  const vector = { epoch: '00000000', isRestLost: true, places: astronomical };
  t.strictSame(read(formatVector(vector)), sorted(vector));
  t.strictSame(read(formatVector({ ...vector, places: new Map() })), { ...vector, places: [] });
});

t.test('it has 40 bytes at most and 6 for each board, of characters that are safe everywhere', async (t) => {
  fc.assert(
    fc.property(large, (vector) => {
      const text = formatVector(vector);
      t.match(text, /^[A-Za-z0-9_-]+$/);
      t.ok(text.length <= 40 + 6 * vector.places.size, `${text.length} for ${vector.places.size}`);
      t.strictSame(read(text), sorted(vector));
    }),
    { numRuns: 200 },
  );
});

t.test('one that moves is the same as one that was made anew, until its layout is outgrown and then too', async (t) => {
  const steps = fc.array(fc.tuple(fc.nat(1e6), seq(1e9)), { maxLength: 50 });
  fc.assert(
    fc.property(vectors(1e6, 1e6), steps, ({ places, ...head }, moves) => {
      const text = new VectorText(
        head,
        [...places].map(([number, at]) => ({ number, seq: at })),
      );
      const numbers = [...places.keys()];
      const now = new Map(places);
      for (const [index, at] of numbers.length > 0 ? moves : []) {
        const number = numbers[index % numbers.length] as number;
        text.move(text.entryOf(number), at);
        now.set(number, at);
      }
      t.strictSame(read(text.toString()), sorted({ ...head, places: now }));
    }),
    { numRuns: 50 },
  );
});

t.test('what has been changed on its way is none, nor is anything else', async (t) => {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  fc.assert(
    fc.property(large, fc.nat(), fc.nat(63), (vector, place, digit) => {
      const text = formatVector(vector);
      const at = place % text.length;
      const changed = text.slice(0, at) + digits.charAt(digit) + text.slice(at + 1);
      if (changed !== text) t.equal(parseVector(changed), undefined, `${at} of ${text}`);
      t.equal(parseVector(text.slice(0, at)), undefined, 'cut');
      t.equal(parseVector(text + digits.charAt(digit)), undefined, 'longer');
    }),
    { numRuns: 100 },
  );
  fc.assert(fc.property(fc.string(), (text) => t.equal(parseVector(text), undefined)));
  for (const text of [
    '',
    'A',
    'abcdef01-7',
    `${formatVector({ epoch: 'abcdef01', isRestLost: false, places: new Map() })}\n`,
  ]) {
    t.equal(parseVector(text), undefined, JSON.stringify(text));
  }
});

t.test('one that nobody has made costs no more than its length', async (t) => {
  for (const digit of 'A_w0') {
    const vector = `A${digit.repeat(16_000)}`;
    t.equal(parseVector(vector), undefined);
    t.ok(cpuMs(() => parseVector(vector)) < 250, `of ${digit}`);
  }
});

t.test('one that names more boards than it may is not read (E5)', (t) => {
  const of = (count: number, seq: number) =>
    formatVector({
      epoch: '0a0b0c0d',
      isRestLost: false,
      places: new Map(range(count).map((n) => [n * 2 ** 40 + 1, seq])),
    });
  const range = (count: number) => Array.from({ length: count }, (_, index) => index);
  for (const seq of [0, Number.MAX_SAFE_INTEGER - 1]) {
    t.equal(parseVector(of(256, seq), 256)?.places.size, 256, 'as long as they can be');
    t.equal(parseVector(of(257, seq), 256), undefined);
  }
  const forged = of(8000, 1);
  t.equal(parseVector(forged)?.places.size, 8000);
  t.equal(parseVector(forged, 256), undefined);
  t.end();
});
