// Merge patches: the laws that undo, joining and the view rely on.

import fc from 'fast-check';
import t, { type Test } from 'tap';
import { compose, fitting, invert, isSame, type Json, merge } from '../../../src/client/merge-patch.ts';

const RUNS = 1000;
const name = fc.constantFrom('a', 'b', 'c', '__proto__');
const scalar = fc.constantFrom<unknown>(0, 1, '', 'x', true, [], [1, null], [{ a: null }]);
/** Objects without null inside: no merge patch can make those. */
const object = fc.letrec<{ value: unknown; object: Json }>((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, scalar, tie('object')),
  object: fc.dictionary(name, tie('value'), { maxKeys: 3, noNullPrototype: true }) as fc.Arbitrary<Json>,
})).object;
const patch = fc.letrec<{ value: unknown; patch: Json }>((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, scalar, fc.constant(null), tie('patch')),
  patch: fc.dictionary(name, tie('value'), { maxKeys: 3, noNullPrototype: true }) as fc.Arbitrary<Json>,
})).patch;

t.test('the examples of RFC 7396', async (t) => {
  const examples: Array<[unknown, unknown, unknown]> = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ a: 'foo' }, 'bar', 'bar'],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ];
  for (const [target, change, result] of examples) t.strictSame(merge(target, change), result, JSON.stringify(change));
});

t.test('what is the same by its text is the same, and nothing else', async (t) => {
  holds(
    t,
    fc.property(
      object,
      object,
      (one, other) =>
        isSame(one, JSON.parse(JSON.stringify(one))) &&
        isSame(one, other) === isSame(other, one) &&
        isSame(one, other) === (JSON.stringify(sorted(one)) === JSON.stringify(sorted(other))),
    ),
  );
  const different: Array<[unknown, unknown]> = [
    [1, '1'],
    [null, {}],
    [[], {}],
    [{ a: 1 }, { b: 1 }],
    [[1], [1, 2]],
  ];
  for (const [one, other] of different) t.equal(isSame(one, other), false, JSON.stringify([one, other]));
});

t.test('the inverse of a patch takes it back', async (t) => {
  holds(
    t,
    fc.property(object, patch, (target, change) =>
      isSame(merge(merge(target, change), invert(target, change)), target),
    ),
  );
});

t.test('two patches in one do what both do, or there is none', async (t) => {
  let none = 0;
  holds(
    t,
    fc.property(object, patch, patch, (target, first, second) => {
      const both = compose(first, second);
      if (!both) none += 1;
      return !both || isSame(merge(target, both), merge(merge(target, first), second));
    }),
  );
  t.ok(none > 0 && none < RUNS / 2, `${none} times there is none`);
  t.equal(compose({ data: { a: null } }, { data: { a: { b: 1 } } }), undefined, 'it would have to replace an object');
});

t.test('taking back leaves what others have changed since, and says so', async (t) => {
  holds(
    t,
    fc.property(object, patch, patch, (target, mine, theirs) => {
      const changed = merge(target, mine) as Json;
      const now = merge(changed, theirs);
      const { patch: back, others } = fitting(now, mine, invert(target, mine));
      const after = merge(now, back) as Json;
      if (isSame(now, changed) && (others.length > 0 || !isSame(after, target))) return false;
      // Each value that is only theirs is still there.
      const kept = Object.entries(theirs).filter(([, value]) => typeof value !== 'object');
      return kept.every(([name, value]) => isSame(own(changed, name), value) || isSame(own(after, name), value));
    }),
  );
  t.strictSame(
    fitting(
      { x: 5, y: 9, data: { a: 1, b: 3 } },
      { x: 5, y: 2, data: { a: 1, b: 2 } },
      { x: 0, y: 0, data: { a: null, b: 0 } },
    ),
    { patch: { x: 0, data: { a: null } }, others: ['y', 'data.b'] },
  );
});

function holds<Values extends [unknown, ...unknown[]]>(t: Test, property: fc.IProperty<Values>): void {
  t.doesNotThrow(() => fc.assert(property, { numRuns: RUNS }));
}

function own(value: Json, name: string): unknown {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

/** As arrays, with the names in one order: a member `__proto__` is compared like the others. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return { entries: entries.map(([name, inner]) => [name, sorted(inner)]) };
}
