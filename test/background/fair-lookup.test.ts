// Who asks for many keys waits for them himself, and keeps nobody else waiting.

import t from 'tap';
import { FairLookup } from '../../src/background/fair-lookup.ts';

type Question = [who: string, key: string];
const keys = (count: number) => Array.from({ length: count }, (_, index) => `key ${index}`);

t.test('a question holds so many keys, and of each who asks a share (E5)', async (t) => {
  const questions: Question[][] = [];
  const lookup = new FairLookup(async (asked: Question[]) => {
    questions.push(asked);
    return asked.map((question) => question.join());
  }, 100);
  const order: string[] = [];
  const ask = async (who: string, key: string) => {
    t.equal(await lookup.ask(who, key, [who, key]), `${who},${key}`);
    order.push(who);
  };
  const crowd = keys(1000).map((key) => ask('crowd', key));
  const few = keys(30).map((key) => ask('few', key));
  await Promise.all([ask('one', 'key'), ask('other', 'key')]);
  t.equal(questions.length, 1, 'with the first question');
  await Promise.all(few);
  t.ok(questions.length <= 2, `${questions.length} questions`);
  await ask('late', 'key');
  t.ok(questions.length <= 4, 'who comes later waits for no more than the one that is under way');
  await Promise.all(crowd);
  t.ok(questions.every((asked) => asked.length <= 100));
  t.equal(questions.length, 11, 'and none has fewer than it could');
  t.equal(new Set(questions.flat().map(String)).size, 1033, 'each is asked once');
});

t.test('more who ask than one question holds take turns', async (t) => {
  const questions: Question[][] = [];
  const lookup = new FairLookup(async (asked: Question[]) => {
    questions.push(asked);
    return asked;
  }, 10);
  const users = keys(25);
  await Promise.all(
    users.flatMap((who) => [lookup.ask(who, 'first', [who, 'first']), lookup.ask(who, 'second', [who, 'second'])]),
  );
  const served = questions.slice(0, 3).flatMap((asked) => asked.map(([who]) => who));
  t.equal(new Set(served).size, 25, 'each within three questions');
  t.equal(questions.length, 5);
});

t.test(
  'the same question is asked once, one that is under way is asked again, and a failure is of its own alone',
  async (t) => {
    const questions: Question[][] = [];
    let answer: (error?: Error) => void = () => {};
    const lookup = new FairLookup(async (asked: Question[]) => {
      questions.push(asked);
      const error = await new Promise<Error | undefined>((resolve) => {
        answer = resolve;
      });
      if (error) throw error;
      return asked.map(() => questions.length);
    }, 10);
    const begun = async (count: number) => {
      while (questions.length < count) await new Promise((resolve) => setTimeout(resolve, 1));
    };
    const first = [lookup.ask('a', 'x', ['a', 'x']), lookup.ask('a', 'x', ['a', 'x'])];
    await begun(1);
    const second = lookup.ask('a', 'x', ['a', 'x']);
    answer(new Error('away'));
    for (const asked of first) await t.rejects(asked, { message: 'away' });
    await begun(2);
    answer();
    t.equal(await second, 2);
    t.strictSame(questions, [[['a', 'x']], [['a', 'x']]]);
  },
);
