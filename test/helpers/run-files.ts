// Several files of tests in one process: by itself each would take a core for a second and a half to load tap and the
// application.

import t from 'tap';

/** Of all files together, on a slow machine. Each sets a limit as if it were alone. */
const LIMIT_MS = 1_800_000;

type Teardown = () => unknown;

/**
 * Runs the tests of the files, one file after the other, and what each tears down before the next. The tests of a file
 * run one beside the other when it sets `t.jobs`.
 *
 * @param paths below `test/`, without `.test.ts`
 */
export function runFiles(...paths: string[]): void {
  runNext(paths, []);
}

/** A test, behind those of the file before: tap ends a run when it has none, and what a file adds comes behind this. */
function runNext([path, ...rest]: string[], tearingDown: Teardown[]): void {
  t.test(path === undefined ? 'the end' : path, { buffered: false }, async (t) => {
    for (const tearDown of tearingDown.reverse()) await tearDown();
    if (path === undefined) return;
    const next: Teardown[] = [];
    await t.resolves(load(path, next), 'loads');
    runNext(rest, next);
  });
}

/** @param tearingDown gets what the file wants to be done at the end */
async function load(path: string, tearingDown: Teardown[]): Promise<void> {
  const { teardown } = t;
  t.teardown = (handler: Teardown) => void tearingDown.push(handler);
  t.jobs = 1;
  await import(new URL(`../${path}.test.js`, import.meta.url).href);
  t.teardown = teardown;
  t.setTimeout(LIMIT_MS);
}
