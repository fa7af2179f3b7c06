// Whatever tabs, streams and nodes do: each tab sees each event of its boards once and in order, or a snapshot first, and in
// the end what the node has (E1, E2).

import fc from 'fast-check';
import t from 'tap';
import type { Snapshot } from '../../src/client/types.ts';
import { FakeBrowser, type FakeTab } from '../helpers/fake-browser.ts';
import { boardId, FakeNode } from '../helpers/fake-node.ts';

const BOARDS = 3;

const action = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('write' as const), board: fc.integer({ min: 1, max: BOARDS }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 15, 100, 1000, 20_000) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('open' as const), boards: fc.subarray([1, 2, 3], { minLength: 1 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('close', 'crash', 'put away', 'come back', 'freeze', 'forget', 'thaw', 'show', 'leave'),
      tab: fc.nat(6),
      board: fc.integer({ min: 1, max: BOARDS }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('cut', 'refuse', 'answer') }) },
);
type Action = typeof action extends fc.Arbitrary<infer Each> ? Each : never;

/** What a tab was told of a board, checked as it comes. */
class Follower {
  readonly tab: FakeTab;
  readonly #seqs = new Map<string, number | undefined>();
  readonly #ends = new Map<string, () => void>();
  readonly wrong: string[] = [];

  constructor(tab: FakeTab) {
    this.tab = tab;
  }

  follow(id: string): void {
    this.#ends.get(id)?.();
    this.#seqs.delete(id);
    const end = this.tab.live.board(id).onApplied((applied) => {
      const last = this.#seqs.get(id);
      if (applied.kind === 'snapshot') {
        // A tab that passes it on names the seq, which is past the cursor by what has come since.
        const { cursor, seq } = applied.snapshot as Snapshot & { seq?: number };
        this.#seqs.set(id, seq ?? Number(cursor.split('-')[1]));
      }
      if (applied.kind !== 'changed') return;
      const { seq } = applied.event;
      if (last !== undefined && seq !== last + 1) this.wrong.push(`${id}: ${last}, then ${seq}`);
      this.#seqs.set(id, seq);
    });
    this.#ends.set(id, end);
  }
}

async function run(actions: Action[]): Promise<string[]> {
  const node = new FakeNode();
  for (let number = 1; number <= BOARDS; number += 1) node.addBoard(number);
  const browser = new FakeBrowser(node);
  const all: Array<{ follower: Follower; boards: Set<number>; isAway: boolean; isGone: boolean }> = [];
  let written = 0;
  const open = (boards: number[]) => {
    const tab = browser.openTab({ boards: boards.map(boardId) });
    tab.random = (all.length % 7) / 7;
    const follower = new Follower(tab);
    for (const number of boards) follower.follow(boardId(number));
    all.push({ follower, boards: new Set(boards), isAway: false, isGone: false });
  };
  open([1]);
  for (const each of actions) {
    if (each.do === 'write') node.write(boardId(each.board), `item ${written % 5}`, `text ${++written}`);
    else if (each.do === 'pass') await browser.clock.advance(each.ms);
    else if (each.do === 'open') {
      if (all.length < 7) open(each.boards);
    } else if (each.do === 'cut') node.cut(0);
    else if (each.do === 'refuse') node.answers = 0;
    else if (each.do === 'answer') node.answers = 200;
    else if ('tab' in each) {
      const one = all[each.tab];
      if (one && !one.isGone) act(each.do, one, each.board);
    }
    // What others hear of it, or not yet.
    await browser.clock.advance(1);
  }
  node.answers = 200;
  for (const { follower, isAway, isGone } of all) {
    if (isGone) continue;
    follower.tab.thaw();
    if (isAway) follower.tab.tell({ type: 'pageshow', persisted: true });
  }
  // As long as it takes to notice all that is wrong: silence, patience, and the longest wait.
  await browser.clock.advance(150_000);
  const wrong = all.flatMap(({ follower, boards, isGone }, index) => [
    ...follower.wrong,
    ...(isGone ? [] : [...boards].flatMap((number) => differences(follower.tab, number, node, index))),
  ]);
  const living = all.filter(({ isGone, boards }) => !isGone && boards.size > 0).length;
  if (living > 0 && node.streams.size !== 1) wrong.push(`${node.streams.size} streams`);
  for (const { follower } of all) follower.tab.live.close();
  return wrong;
}

function act(
  what: string,
  one: { follower: Follower; boards: Set<number>; isAway: boolean; isGone: boolean },
  board: number,
) {
  const { tab } = one.follower;
  if (what === 'close') tab.live.close();
  if (what === 'crash') tab.crash();
  if (what === 'close' || what === 'crash') one.isGone = true;
  if (what === 'put away' && !one.isAway) tab.tell({ type: 'pagehide' });
  if (what === 'put away') one.isAway = true;
  if (what === 'come back' && one.isAway) {
    one.isAway = false;
    tab.tell({ type: 'pageshow', persisted: true });
  }
  if (what === 'freeze') tab.isFrozen = true;
  if (what === 'forget' && tab.isFrozen) tab.forgetMessages();
  if (what === 'thaw') tab.thaw();
  if (what === 'show' && !tab.isFrozen && !one.boards.has(board)) {
    one.boards.add(board);
    one.follower.follow(boardId(board));
  }
  if (what === 'leave' && !tab.isFrozen && one.boards.delete(board)) tab.live.leave(boardId(board));
}

function differences(tab: FakeTab, number: number, node: FakeNode, index: number): string[] {
  const board = tab.live.board(boardId(number));
  const shown = JSON.stringify([...board.state.items.values()].map(({ id, text }) => [id, text]).sort());
  const items = node.boards.get(boardId(number))?.items.values() ?? [];
  const stored = JSON.stringify([...items].map(({ id, text }) => [id, text]).sort());
  return [
    ...(shown === stored ? [] : [`tab ${index} shows ${shown} of board ${number}, the node has ${stored}`]),
    ...(board.status.name === 'live' ? [] : [`tab ${index}: board ${number} is ${board.status.name}`]),
  ];
}

/** A tab that follows, is frozen, and has no message kept for it; nothing comes after. */
const silentLoss: Action[] = [
  { do: 'open', boards: [1] },
  { do: 'pass', ms: 1000 },
  { do: 'freeze', tab: 1, board: 1 },
  { do: 'write', board: 1 },
  { do: 'pass', ms: 100 },
  { do: 'forget', tab: 1, board: 1 },
  { do: 'thaw', tab: 1, board: 1 },
];

t.test('whatever happens to tabs, streams and nodes, nobody misses anything (E1, E2)', async (t) => {
  const numRuns = Number(process.env.TABS_RUNS ?? 40);
  await t.resolves(
    fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 40 }), async (actions) => {
        const wrong = await run(actions);
        if (wrong.length > 0) throw new Error(wrong.join('\n'));
      }),
      { numRuns, examples: [[silentLoss]], ...(process.env.TABS_SEED && { seed: Number(process.env.TABS_SEED) }) },
    ),
  );
});
