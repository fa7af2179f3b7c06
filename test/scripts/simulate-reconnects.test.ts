// What docs/scaling.md shows is what the simulation prints, and the simulation keeps its own rules.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { type Simulated, simulate } from '../../scripts/reconnect-model.ts';
import { blocksOf } from '../helpers/pages.ts';
import { root } from '../helpers/project.ts';

const given: Simulated = { event: 'killed', nodes: 3, streams: 900, drain: 10, gone: 4, openings: 100, seed: 5 };

t.test('the tables of the page are what its commands print', async (t) => {
  const blocks = blocksOf('docs/scaling.md').filter(({ heading }) => heading === 'When streams come back');
  const commands = blocks.filter(({ language }) => language === 'sh');
  t.equal(commands.length, 3);
  for (const { text, number } of commands) {
    // As the tests have it, compiled already.
    const [, args = ''] = /^node --import tsx scripts\/simulate-reconnects\.ts (.*)\n$/.exec(text) ?? [];
    const script = join(root, 'build/scripts/simulate-reconnects.js');
    const printed = spawnSync(process.execPath, [script, ...args.split(' ')], { encoding: 'utf8' });
    t.equal(printed.stderr, '');
    t.equal(printed.stdout, blocks[number]?.text, text);
  }
});

t.test('every stream is opened once, and no node opens more than it can', async (t) => {
  for (const event of ['deploy', 'killed', 'away'] as const) {
    const { seconds, awayMs } = simulate({ ...given, event });
    const sum = (key: 'tries' | 'opened') => seconds.reduce((total, second) => total + second[key], 0);
    t.equal(sum('opened'), 900, event);
    t.equal(awayMs.length, 900);
    t.equal(seconds.at(-1)?.waiting, 0);
    const takers = event === 'away' ? 3 : 2;
    for (const { opened } of seconds) t.ok(opened <= takers * 100 + takers, `${event}: ${opened}`);
    if (event === 'away') t.ok(sum('tries') > 900, 'some try in vain');
    else t.equal(sum('tries'), 900);
    t.same(simulate({ ...given, event }).awayMs, awayMs, 'the same seed draws the same');
    t.notSame(simulate({ ...given, event, seed: 6 }).awayMs, awayMs);
  }
});

t.test('nobody is back before the proxy is, nor sooner than it was told', async (t) => {
  const { seconds, awayMs } = simulate({ ...given, event: 'away' });
  t.same(
    seconds.slice(0, 4).map(({ opened }) => opened),
    [0, 0, 0, 0],
  );
  t.ok((awayMs[0] ?? 0) >= 4000);
  const killed = simulate({ ...given, openings: 100_000 }).awayMs;
  t.ok((killed[0] ?? 0) >= 1000 && (killed.at(-1) ?? 0) <= 3001, 'by the first `retry:` of a stream');
});
