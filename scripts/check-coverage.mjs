// Fails when the last test run covered less than the floor. Raise the floor when the coverage has grown.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** In percent. */
const floor = { lines: 94, functions: 93, branches: 88 };

// Tests that need these were skipped where they are missing, and what they cover with them.
const missing = ['redis-server', 'ip'].filter((tool) => spawnSync(tool, ['--version']).error);
if (process.getuid?.() !== 0) missing.push('root');

if (missing.length > 0) console.error(`The coverage floor is not checked: tests that need ${missing} were skipped.`);
else checkFloor();

function checkFloor() {
  /** @type {Record<string, Record<string, { pct: number }>>} */
  const { total } = JSON.parse(readFileSync('.tap/report/coverage-summary.json', 'utf8'));
  for (const [what, least] of Object.entries(floor)) {
    const { pct } = total?.[what] ?? { pct: 0 };
    if (pct >= least) continue;
    console.error(`${pct} % of the ${what} are covered, and ${least} % is the floor`);
    process.exitCode = 1;
  }
}
