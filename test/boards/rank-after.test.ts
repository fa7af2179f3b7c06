// The rank of an item that comes without one is made by the database, and must be that of the libraries.

import fc from 'fast-check';
import { generateKeyBetween } from 'fractional-indexing';
import t from 'tap';
import { MAX_RANK_LENGTH } from '../../src/boards/rank.ts';
import { Client } from '../helpers/client.ts';
import { startNode, useDatabase } from '../helpers/node.ts';

const { url, sql } = await useDatabase(t);

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const heads = digits.slice(10);

/** How many digits follow the first character. */
function lengthAfter(head: string): number {
  return head >= 'a' ? head.charCodeAt(0) - 96 : 91 - head.charCodeAt(0);
}

const someDigits = (length: { minLength: number; maxLength: number }) =>
  fc.string({ unit: fc.constantFrom(...digits, ...'zzzzzzzzzzzzzzzzzzzz00000'), ...length });

const ranks = fc
  .constantFrom(...heads, ...'ZZaazzzzz')
  .chain((head) => {
    const count = lengthAfter(head);
    const whole = fc.oneof(fc.constant('z'.repeat(count)), someDigits({ minLength: count, maxLength: count }));
    const fraction = fc.oneof(
      fc.constant(''),
      fc.nat(30).map((zs) => 'z'.repeat(zs)),
      someDigits({ minLength: 0, maxLength: 40 }),
    );
    return fc.tuple(whole, fraction).map(([whole, fraction]) => head + whole + fraction.replace(/0+$/, ''));
  })
  .filter((rank) => rank !== `A${'0'.repeat(26)}`);

t.test('it is the next key behind any other', async (t) => {
  const lasts = [null, ...fc.sample(ranks, { numRuns: 5000, seed: 7 })];
  const rows = await sql<{ next: string }>(
    'select teamboard.rank_after(last) as next from unnest($1::text[]) with ordinality as each (last, place) order by place',
    [lasts],
  );
  const wrong = lasts.flatMap((last, index) => {
    const next = generateKeyBetween(last, null);
    return rows[index]?.next === next ? [] : [{ last, next, made: rows[index]?.next }];
  });
  t.strictSame(wrong, []);
});

t.test('behind one that is so long that the next would not be kept, the same comes again', async (t) => {
  const longest = `z${'z'.repeat(MAX_RANK_LENGTH - 1)}`;
  const [{ next } = {}] = await sql<{ next: string }>('select teamboard.rank_after($1) as next', [longest]);
  t.equal(next, longest);
});

t.test('who appends to a board gets the ranks in turn, behind what others have put there', async (t) => {
  const node = await startNode(t, url);
  const ada = await Client.signUp(node, 'Ada');
  const path = `/boards/${await ada.createBoard()}/items`;
  const append = async (fields = {}) => (await ada.post(path, { text: 'x', ...fields })).body.item.rank;
  t.strictSame(
    [await append(), await append(), await append({ rank: 'b0zV' }), await append()],
    ['a0', 'a1', 'b0zV', 'b10'],
  );
});
