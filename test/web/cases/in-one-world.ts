// What each case is given, and what is asked of every one: of a browser and a node that all cases of a file share.

import t, { type Test } from 'tap';
import { createWorld, type World } from '../../helpers/app-pages.ts';
import { needsChromium } from '../../helpers/chromium.ts';

export type Case = (t: Test, world: World) => Promise<void>;

/** Of one case. Who hangs does not take the time of the others. */
const LIMIT_MS = 600_000;

/** @returns what makes a test of a case */
export function inOneWorld(): (name: string, run: Case) => void {
  let world: World;
  t.before(async () => {
    if (!('skip' in needsChromium)) world = await createWorld(t);
  });
  return (name, run) => {
    t.test(name, { ...needsChromium, timeout: LIMIT_MS }, async (t) => {
      world.complaints = [];
      await run(t, world);
      t.strictSame(
        world.complaints.flat(),
        [],
        'no browser complains: neither of a script, nor by the policy of the page',
      );
    });
  };
}
