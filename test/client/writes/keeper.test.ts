// What is kept of a tab's writes, while the storage answers in any order.

import t from 'tap';
import { Keeper } from '../../../src/client/outbox/keeper.ts';
import type { Kept, Storage } from '../../../src/client/writes/offered.ts';
import type { Write } from '../../../src/client/writes/write.ts';
import { Browser } from '../model/browser.ts';
import { Clock, numbersOf } from '../model/clock.ts';
import { ModelServer } from '../model/server.ts';

const [user, url, boardId] = ['ada', 'http://model', 'b'];

function newWrite(key: string, at: number): Write {
  return { key, boardId, at, status: 'waiting', operations: [{ op: 'delete', id: key }] };
}

t.test('what was left by a tab, and is over before the storage has answered, is kept no more', async (t) => {
  const clock = new Clock();
  const browser = new Browser({ clock, server: new ModelServer(() => clock.now), random: numbersOf(1) });
  const left = newWrite('left', 1);
  const stored = new Map<string, Kept>([['left', { key: 'left', user, url, tab: 'gone', write: left }]]);
  /** Answers of the storage, which come when the test lets them. */
  const answers: Array<() => void> = [];
  const storage: Storage = {
    all: async () => [...stored.values()],
    change: async (put, remove) => {
      for (const kept of put) stored.set(kept.key, kept);
      for (const key of remove) stored.delete(key);
      await new Promise<void>((resolve) => answers.push(resolve));
    },
  };
  let adopted: readonly Write[] = [];
  const onLeft = (writes: readonly Write[]) => {
    adopted = writes;
  };
  const { outside } = browser.open();
  const keeper = new Keeper({ outside, storage, user, url, onLeft, onKeeping: () => {} });
  keeper.start();
  await clock.run(100);
  t.equal(answers.length, 1, 'the take-over is under way');
  const own = newWrite('own', 2);
  keeper.keep([own]);
  await clock.run(0);
  t.equal(answers.length, 2, 'so is what this tab keeps');

  const [takenOver, saved] = answers;
  takenOver?.();
  await clock.run(0);
  t.strictSame(adopted, [left]);
  // The log has shown it: it is over before it was sent from here.
  keeper.keep([own]);
  saved?.();
  await clock.run(0);
  for (const answer of answers) answer();
  await clock.run(0);
  t.strictSame([...stored.keys()], ['own']);
  await clock.run(30_000);
  t.strictSame([...stored.keys()], ['own'], 'nor does it come back');
});
