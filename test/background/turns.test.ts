// So many at a time of each key, also in the moment in which the turns of a key are forgotten.

import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import { Turns } from '../../src/background/turns.ts';

for (const lag of [0, 1, 2, 3, 4, 5, 6, 8, 12, 16]) {
  t.test(`turns that begin ${lag} microtasks after others have ended are no more than there are`, async (t) => {
    const turns = new Turns(2);
    let active = 0;
    let most = 0;
    const work = async () => {
      active += 1;
      most = Math.max(most, active);
      await nextTurn();
      await nextTurn();
      active -= 1;
    };
    const ends: Array<() => void> = [];
    const held = () => turns.take('board', () => new Promise<void>((resolve) => ends.push(resolve)));
    const first = [held(), held()];
    await nextTurn();
    const later: Array<Promise<void>> = [];
    const more = () => {
      for (let count = 0; count < 3; count += 1) later.push(turns.take('board', work));
    };
    // In the same phase of the event loop as the forgetting, between that of the one and of the other.
    ends[0]?.();
    for (let tick = 0; tick < lag; tick += 1) await Promise.resolve();
    setImmediate(more);
    ends[1]?.();
    for (let tick = 0; tick < 20; tick += 1) await Promise.resolve();
    setImmediate(more);
    await Promise.all(first);
    await nextTurn();
    await Promise.all(later);
    t.ok(most <= 2, `${most} at a time`);
    await nextTurn();
    t.equal(turns.count('board'), 0);
  });
}

t.test('work that fails gives its turn back', async (t) => {
  const turns = new Turns(1);
  await t.rejects(
    turns.take('board', () => Promise.reject(new Error('ours'))),
    /ours/,
  );
  t.equal(await turns.take('board', async () => 7), 7);
});
