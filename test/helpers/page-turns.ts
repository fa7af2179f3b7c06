// More pages at once than one user may ask for, while none can be read.

import type { Test } from 'tap';
import { bestOf } from './bounds.ts';
import type { Answer } from './client.ts';
import { whileLocked } from './lock-tables.ts';
import type { TestDatabase } from './node.ts';
import { sameProblem } from './problem.ts';
import { until } from './until.ts';

const ASKED = 30;
const REFUSED = 10;

/**
 * Checks that ten of thirty are refused, and that whoever else asks is not. At best of three: a slow machine refuses others,
 * too.
 *
 * @param tables without which none of the pages can be read
 * @param beside what somebody else asks for meanwhile
 */
export async function checkPageTurns(
  t: Test,
  database: TestDatabase,
  tables: string[],
  ask: (index: number) => Promise<Answer>,
  beside?: () => Promise<Answer>,
): Promise<void> {
  const askAll = async () => {
    const answers: Answer[] = [];
    let asked: Promise<unknown> = Promise.resolve();
    let other: Promise<Answer> | undefined;
    await whileLocked(database, tables, async () => {
      asked = Promise.all(
        Array.from({ length: ASKED }, async (_, index) => {
          answers.push(await ask(index));
        }),
      );
      await until(() => answers.length >= REFUSED, 'those that are refused');
      other = beside?.();
    });
    const besides = (await other)?.status ?? 200;
    await asked;
    return { besides, refused: answers.filter(({ status }) => status !== 200) };
  };
  const { besides, refused } = await bestOf(
    askAll,
    (told) =>
      told.besides === 200 && told.refused.length === REFUSED && told.refused.every(({ status }) => status === 429),
  );
  t.equal(besides, 200, 'nobody else is refused');
  t.equal(refused.length, REFUSED, 'of 30, twenty may wait');
  for (const answer of refused) sameProblem(t, answer, 'TB_TOO_MANY_PAGES');
}
