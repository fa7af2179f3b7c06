// docs/webhooks.md: its command makes a webhook, and its receiver takes what is told.

import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { Client } from '../helpers/client.ts';
import { findFreePort } from '../helpers/free-port.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { textOf } from '../helpers/pages.ts';
import { needs } from '../helpers/shell.ts';
import { timings } from '../helpers/timings.ts';
import { until } from '../helpers/until.ts';

t.test('the receiver of the page', needs('curl'), async (t) => {
  const database = await useDatabase(t);
  const node = await startNode(t, database.url, { webhookAllowPrivate: true, timings });
  const folder = mkdtempSync(join(tmpdir(), 'teamboard-webhooks-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const ada = await Client.signUp(node);
  const boardId = await ada.createBoard();
  const port = await findFreePort();
  const command = textOf('docs/webhooks.md', 'Webhooks')
    .replace('https://app.example', `http://127.0.0.1:${port}`)
    .replace('http://127.0.0.1:3000', node.url)
    .replace('-sb jar', `-s --cookie '${ada.cookie}'`)
    .replace('$board', boardId);
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', command]);
  const { secret, webhook } = JSON.parse(stdout);
  t.same(webhook.events, ['item']);
  // What comes before anybody listens waits.
  await ada.post(`/boards/${boardId}/items`, { text: 'first' });

  const program = textOf('docs/webhooks.md', 'What comes', 2);
  t.ok(program.split('\n').length <= 30, 'a page can show it');
  writeFileSync(join(folder, 'receiver.mjs'), program);
  const { PATH = '' } = process.env;
  const environment = { PATH, WEBHOOK_SECRET: secret, PORT: String(port) };
  const child = spawn(process.execPath, [join(folder, 'receiver.mjs')], { env: environment });
  let output = '';
  const hear = (data: Buffer) => {
    output += data;
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  t.teardown(() => child.kill('SIGKILL'));
  await until(
    () => output.includes('item.created first'),
    () => `the note: ${output}`,
  );
  await ada.post(`/boards/${boardId}/items`, { text: 'second' });
  await until(
    () => output.includes('second'),
    () => `the other: ${output}`,
  );
  // All again, and the receiver knows them.
  const read = async () => (await ada.get(`/boards/${boardId}/webhooks/${webhook.id}`)).body.webhook;
  const end = await until(async () => {
    const { cursor } = await read();
    return /-4$/.test(cursor) && cursor;
  }, 'its place');
  await ada.post(`/boards/${boardId}/webhooks/${webhook.id}/replay`, { after: webhook.cursor });
  await until(async () => (await read()).cursor === end, 'its place again');
  await ada.post(`/boards/${boardId}/items`, { text: 'third' });
  await until(
    () => output.includes('third'),
    () => `the third: ${output}`,
  );
  t.equal(output, 'item.created first\nitem.created second\nitem.created third\n');
  const forged = await fetch(`http://127.0.0.1:${port}/`, {
    method: 'POST',
    headers: {
      'webhook-id': 'x',
      'webhook-timestamp': String(Math.floor(Date.now() / 1000)),
      'webhook-signature': 'v1,x',
    },
    body: '{"type":"forged","data":{}}',
  });
  t.equal(forged.status, 401);

  const [, example = ''] = /\n\n(\{.*\})\n/.exec(textOf('docs/webhooks.md', 'What comes')) ?? [];
  t.match(example, /^\{"type":"item\.created","timestamp":"\d{4}-.*","cursor":"[0-9a-f]{8}-42","data":\{"seq":42,/);
});
