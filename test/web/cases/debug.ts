// `/debug/streams`: one's own streams, one of them cut, and proxies that hinder streams found out.

import type { Page } from 'playwright-core';
import type { Test } from 'tap';
import { signIn, untilStatus, type World } from '../../helpers/app-pages.ts';
import { type Hindrance, startHinderingProxy } from '../../helpers/hindering-proxy.ts';
import { until } from '../../helpers/until.ts';

export async function streams(t: Test, world: World) {
  const ada = await signIn(t, world, 'Ada');
  const id = await ada.createBoard();
  await ada.open(id);
  const { page: board } = ada;
  const page = await ada.context.newPage();
  await page.goto('/debug/streams');
  const own = page.getByRole('region', { name: 'Your open streams' });
  await own.getByRole('row').filter({ hasText: 'Plans of Ada' }).first().waitFor();

  const watched = page.getByRole('region', { name: 'Watch one' });
  await watched.getByRole('button', { name: 'Open a stream' }).click();
  await watched.getByText('event:ready').waitFor();
  const rows = own.locator('tr[data-stream-id]');
  await until(async () => (await rows.count()) === 2, 'a row for each stream');
  for (const row of await rows.all()) {
    t.match(await row.innerText(), /…[0-9a-f]{8}\s+Plans of Ada\s+\S+-\d+\s+\d+ s\s+0 events\s+0 bytes\s+…[0-9a-f]{8}/);
  }
  const write = (text: string) => ada.context.request.post(`/boards/${id}/items`, { data: { text } });
  await write('Seen at once');
  await watched.getByText('Seen at once').waitFor();
  const shown = await watched.locator('li').filter({ hasText: 'Seen at once' }).innerText();
  const [, bytes, text = ''] = /, (\d+) bytes\s+(event:changed\n[\s\S]+)$/.exec(shown) ?? [];
  t.equal(Number(bytes), Buffer.byteLength(text.trimEnd()) + 2, 'with its bytes, as it came');

  await watched.getByRole('button', { name: 'Cut this stream' }).click();
  await watched.getByText('"reason":"rotated"').waitFor();
  await watched.getByText(/^Not connected$/).waitFor();
  await write('While it was cut');
  await watched.getByText(/Back after .* nothing is missing/).waitFor();
  await watched.getByText('While it was cut').waitFor();
  t.equal(await watched.getByText('While it was cut').count(), 1, 'once (E2)');

  const mine = await watched.getByText('event:ready').first().innerText();
  const [, streamId = ''] = /"streamId":"([^"]+)"/.exec(mine) ?? [];
  await until(async () => (await rows.count()) === 2, 'both again');
  const other = own.locator(`tr[data-stream-id]:not([data-stream-id="${streamId}"])`);
  const before = await other.getAttribute('data-stream-id');
  await other.getByRole('button', { name: /^Cut/ }).click();
  await until(async () => (await rows.count()) === 2 && !(await isThere(page, before)), 'it to come back');
  await untilStatus(board, /^Live$/);
}

const isThere = async (page: Page, streamId: string | null) =>
  (await page.locator(`tr[data-stream-id="${streamId}"]`).count()) > 0;

export async function way(t: Test, world: World) {
  const ada = await signIn(t, world, 'Ada');
  // The cookie is that of the host, whatever the port.
  const hindered = async (hindrance: Hindrance) => startHinderingProxy(t, hindrance, world.nodeUrl);
  const ways = {
    direct: world.nodeUrl,
    holds: await hindered('holds'),
    compresses: await hindered('compresses'),
    cuts: await hindered('cuts'),
  };
  const found = await Promise.all(
    Object.entries(ways).map(async ([name, url]) => {
      const page = await ada.context.newPage();
      // As in a page that has been open for long: the browser's list of what it has fetched is full.
      await page.addInitScript(() => performance.setResourceTimingBufferSize(1));
      await page.goto(`${url}/debug/streams`);
      const part = page.getByRole('region', { name: 'The way in between' });
      await part.getByRole('button', { name: 'Check the way' }).click();
      await part.locator('dl').waitFor();
      const tones = await part.locator('dt').allInnerTexts();
      const said = { verdict: await part.getByRole('status').innerText(), tones, text: await part.innerText() };
      await page.close();
      return [name, said] as const;
    }),
  );
  const { direct, holds, compresses, cuts } = Object.fromEntries(found);
  const fine = ['Buffering Fine', 'Compression Fine', 'Silence Fine', 'HTTP Note'];
  t.match(direct, { verdict: 'The way is fine.', tones: fine });
  t.match(direct?.text, /HTTP\/1\.1, with nothing in between that names itself/);
  t.match(holds?.verdict, 'Something in between hinders the streams.');
  t.match(holds?.tones, ['Buffering Mend this', 'Compression Fine']);
  t.match(holds?.text, /nginx\s+take out proxy_ignore_headers/, 'and how to mend it is open');
  t.match(compresses, { verdict: 'The way is fine.', tones: ['Buffering Fine', 'Compression Note', 'Silence Fine'] });
  t.match(compresses?.text, /compresses the events \(gzip\), and passes each on at once/);
  t.match(compresses?.text, /through something that names itself/);
  t.match(cuts, { tones: ['Buffering Fine', 'Compression Fine', 'Silence Mend this'] });
  t.match(cuts?.text, /After \d+\.\d s of it something in between has ended/);
}
