// Says which test files took longest in the last run: the longest bounds how soon all can be done.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = '.tap/processinfo';
const COUNT = 10;

const runs = readdirSync(folder).map((name) => {
  /** @type {{ externalID?: string, runtime: number }} */
  const { externalID, runtime } = JSON.parse(readFileSync(join(folder, name), 'utf8'));
  return { file: externalID, seconds: runtime / 1000 };
});
const longest = runs.filter(({ file }) => file !== undefined).sort((a, b) => b.seconds - a.seconds);
console.log('The longest files:');
for (const { file, seconds } of longest.slice(0, COUNT)) console.log(`${seconds.toFixed(1).padStart(6)} s  ${file}`);
