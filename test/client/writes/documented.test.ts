// docs/client-writes.md as the author of a page would try it, against a real node.

import t from 'tap';
import { Client } from '../../helpers/client.ts';
import { startNode, useDatabase } from '../../helpers/node.ts';
import { blocksOf, textOf } from '../../helpers/pages.ts';
import { readProjectFile } from '../../helpers/project.ts';
import { until } from '../../helpers/until.ts';
import { browserOf } from '../model/page-of-node.ts';

const page = 'docs/client-writes.md';
const database = await useDatabase(t);
const node = await startNode(t, database.url);

t.test('all that the page shows runs, one block after the other', async (t) => {
  const ada = await Client.signUp(node, 'Ada');
  const id = await ada.createBoard();
  const opened = browserOf(t, node, ada).openPage(id);
  await until(() => opened.live.board(id).status.name === 'live', 'the board');
  const said: string[] = [];
  const listeners: Array<(event: { preventDefault(): void }) => void> = [];
  const given = {
    id,
    me: ada.user,
    connect: () => opened.live,
    openWrites: () => opened.writes,
    console: { log: (text: string) => said.push(text) },
    addEventListener: (_type: string, listener: (typeof listeners)[0]) => listeners.push(listener),
    textOfItem: async (item: string) => (await ada.get(`/boards/${id}/items/${item}`)).body.item,
    until,
  };
  const blocks = blocksOf(page).map(({ heading, number }) => textOf(page, heading, number));
  t.equal(blocks.length, 4);
  const code = blocks
    .map((block) => block.replace(/^import .*\n/gm, ''))
    .map((block, index) => (index === 2 ? `await seen.edited(milk);\n${block}\nawait seen.redone(milk);\n` : block));
  const seen = {
    async edited(milk: string) {
      t.match(await given.textOfItem(milk), { text: 'Milk, 2 bottles', color: 'blue', data: { shelf: 3 } });
    },
    async redone(milk: string) {
      await until(() => opened.writes.state.unsent === 0, 'the writes');
      t.match(await given.textOfItem(milk), { x: 140 });
      t.equal(opened.shown.get(milk)?.x, 140);
      for (const listener of listeners) listener({ preventDefault: () => said.push('prevented') });
    },
  };
  const names = [...Object.keys(given), 'seen'];
  const run = new Function(...names, `return (async () => { ${code.join('\n')}\nreturn status; })();`);
  t.equal(await run(...Object.values(given), seen), 'done');
  t.ok(
    said.some((text) => /^\d unsent, waiting for nothing, kept: (yes|saving)$/.test(text)),
    said.join(),
  );
  t.equal(listeners.length, 1);
});

t.test('the page names each status, and what the state has', async (t) => {
  const text = readProjectFile(page);
  const offered = readProjectFile('src/client/writes/offered.ts');
  const [, statuses = ''] = /status: ((?:'\w+' \| )+'\w+');/.exec(offered) ?? [];
  for (const [, status = ''] of statuses.matchAll(/'(\w+)'/g)) t.match(text, status);
  const [, state = ''] = /interface WritesState \{(.*?)\n\}/s.exec(offered) ?? [];
  for (const [, name = ''] of state.matchAll(/readonly (\w+):/g)) t.match(text, `\`${name}`.slice(1), name);
});
