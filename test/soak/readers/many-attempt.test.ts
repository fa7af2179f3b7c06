// What the soak expects of a cursor of many boards: a judge that asks for too much fails a run that has held.

import t from 'tap';
import { formatVector } from '../../../src/events/cursor-vector.ts';
import { Random } from '../random.ts';
import type { StreamRules } from '../rules/stream-rules.ts';
import { attemptOf, type Vector } from './many-attempt.ts';

const [before, now] = ['0a0a0a0a', '0b0b0b0b'];

/** A cursor that names one board, and a reader of it and of one that is new in its list. */
function attemptsWith(epoch: string, isRestLost: boolean, isUnsettled = false) {
  const id = formatVector({ epoch, isRestLost, places: new Map([[1, 7]]) });
  const vector: Vector = { id, places: new Map([['known', 'e-7']]), isUnsettled: false };
  const attempt = (boardId: string) => {
    const rules = { boardId, cursor: undefined, epoch: '' } as StreamRules;
    const epochs = { current: now, isUnsettled };
    return attemptOf({ rules, vector, isLying: false, start: undefined, epochs }, new Random(7), () => undefined);
  };
  return { known: attempt('known'), added: attempt('new') };
}

t.test('a board that is new beside a cursor of this history begins anew', async (t) => {
  const { known, added } = attemptsWith(now, false);
  t.match(known, { cursor: 'e-7', isLost: false });
  t.match(added, { cursor: undefined, isLost: false, isReset: false });
});

t.test(
  'beside one that has lost boards, or is of another history, it is reset: numbers say nothing there',
  async (t) => {
    for (const [epoch, isRestLost] of [
      [now, true],
      [before, false],
    ] as const) {
      t.match(attemptsWith(epoch, isRestLost).added, { cursor: undefined, isLost: true, isReset: true });
    }
  },
);

t.test('while the history changes, either may come', async (t) => {
  t.match(attemptsWith(before, false, true).added, { isLost: true, isReset: false });
});

t.test('a cursor that is borrowed for a lie is not of the board that it is told about', (t) => {
  const random = new Random(7);
  const rules = { boardId: 'new', cursor: undefined, epoch: '' } as StreamRules;
  const epochs = { current: now, isUnsettled: false };
  const asked = { rules, vector: undefined, isLying: true, start: undefined, epochs };
  const borrowers = new Set<string>();
  for (let count = 0; count < 50; count += 1) {
    attemptOf(asked, random, (boardId) => {
      borrowers.add(boardId);
      return undefined;
    });
  }
  t.strictSame([...borrowers], ['new']);
  t.end();
});
