// The newest frames in memory: what is kept, what goes, and that there is never a hole in it.

import fc from 'fast-check';
import t from 'tap';
import { FrameRings } from '../../../src/streams/fan-out/frame-rings.ts';
import type { EventFrame, FrameBatch } from '../../../src/streams/wire/frame-batch.ts';

const frames = (from: number, to: number, bytes = 10): EventFrame[] =>
  Array.from({ length: to - from + 1 }, (_, index) => ({ seq: from + index, text: Buffer.alloc(bytes), idBytes: 0 }));
const seqs = (kept: FrameBatch | undefined) => kept?.frames.map(({ seq }) => seq);

t.test('what is kept is given from any place in it, and nothing from any other', async (t) => {
  const rings = new FrameRings({ bytesPerBoard: 50, bytesPerNode: 1000 });
  t.equal(rings.after('a', 0), undefined);
  rings.add('a', frames(3, 5));
  rings.add('a', frames(6, 9));
  t.equal(rings.bytes, 50);
  t.strictSame(seqs(rings.after('a', 4)), [5, 6, 7, 8, 9]);
  t.strictSame(seqs(rings.after('a', 8)), [9]);
  t.equal(rings.after('a', 3), undefined, 'the oldest have gone');
  t.equal(rings.after('a', 9), undefined, 'nothing comes after the newest');
  t.equal(rings.after('a', 20), undefined);
  rings.drop('a');
  t.equal(rings.bytes, 0);
  t.equal(rings.after('a', 8), undefined);
});

t.test('what does not follow replaces what was kept, so that there is no hole (E2)', async (t) => {
  const rings = new FrameRings({ bytesPerBoard: 1000, bytesPerNode: 1000 });
  rings.add('a', frames(3, 5));
  rings.add('a', frames(7, 8));
  t.equal(rings.after('a', 4), undefined);
  t.strictSame(seqs(rings.after('a', 6)), [7, 8]);
});

t.test('what cannot be told is not kept, nor what is before it: it may be told by then (E2, E5)', async (t) => {
  const untold = (seq: number): EventFrame => ({ seq, text: undefined, idBytes: 0 });
  const rings = new FrameRings({ bytesPerBoard: 1000, bytesPerNode: 1000 });
  rings.add('a', frames(1, 2));
  rings.add('a', [...frames(3, 3), untold(4), ...frames(5, 6)]);
  t.equal(rings.bytes, 20);
  t.equal(rings.after('a', 3), undefined);
  t.strictSame(seqs(rings.after('a', 4)), [5, 6]);
  rings.add('a', [untold(7)]);
  t.equal(rings.bytes, 0);
  t.equal(rings.after('a', 6), undefined);
  rings.add('a', frames(8, 9));
  t.strictSame(seqs(rings.after('a', 7)), [8, 9]);
});

t.test('frames with a hole among them are kept from after the hole on (E2)', async (t) => {
  const rings = new FrameRings({ bytesPerBoard: 1000, bytesPerNode: 1000 });
  rings.add('a', frames(1, 2));
  rings.add('a', [...frames(3, 4), ...frames(6, 7)]);
  t.equal(rings.bytes, 20);
  for (const before of [0, 2, 4]) t.equal(rings.after('a', before), undefined);
  t.strictSame(seqs(rings.after('a', 5)), [6, 7]);
  t.strictSame(seqs(rings.after('a', 6)), [7]);
});

t.test('in all no more than the limit is kept, and the quietest board goes first (E5)', async (t) => {
  const rings = new FrameRings({ bytesPerBoard: 100, bytesPerNode: 60 });
  rings.add('a', frames(1, 2));
  rings.add('b', frames(1, 2));
  rings.add('a', frames(3, 3));
  rings.add('c', frames(1, 2));
  t.equal(rings.bytes, 50);
  t.equal(rings.after('b', 0), undefined);
  t.strictSame(seqs(rings.after('a', 0)), [1, 2, 3]);
  rings.add('d', frames(1, 9));
  t.equal(rings.bytes, 0, 'one board alone may be too much');
  rings.clear();
  t.equal(rings.bytes, 0);
});

t.test('whatever comes, the bytes are counted right and each answer rises by one', async (t) => {
  const step = fc.record({
    board: fc.constantFrom('a', 'b', 'c'),
    skip: fc.nat(1),
    count: fc.integer({ min: 1, max: 5 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const rings = new FrameRings({ bytesPerBoard: 70, bytesPerNode: 120 });
      const heads = new Map<string, number>();
      for (const { board, skip, count } of steps) {
        const from = (heads.get(board) ?? 0) + 1 + skip;
        rings.add(board, frames(from, from + count - 1));
        heads.set(board, from + count - 1);
      }
      let bytes = 0;
      for (const [board, head] of heads) {
        let longest = 0;
        for (let after = 0; after <= head; after += 1) {
          const kept = seqs(rings.after(board, after));
          if (!kept) continue;
          if (kept.some((seq, index) => seq !== after + 1 + index) || kept.at(-1) !== head) return false;
          longest = Math.max(longest, kept.length);
        }
        bytes += longest * 10;
      }
      return bytes === rings.bytes && bytes <= 120;
    }),
  );
  t.pass('holds');
});
