// The metrics: that they count what happens, who may read them, and that the dashboard and the alerts name none but them.

import t, { type Test } from 'tap';
import { explainStartError } from '../../src/start-error.ts';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode, type TestNode, useDatabase } from '../helpers/node.ts';
import { readProjectFile } from '../helpers/project.ts';
import { until } from '../helpers/until.ts';

const TOKEN = 'a-token-of-the-operator';
const database = await useDatabase(t);
const node = await startNode(t, database.url, { metricsPort: 0, metricsToken: TOKEN, streamsPerUser: 2 });

/** @returns the samples by their names with labels */
async function scrape(of: TestNode = node): Promise<Map<string, number>> {
  const text = await (await ask(`http://127.0.0.1:${of.app.metricsPort()}/metrics`)).text();
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    samples.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at))];
    }),
  );
}

function ask(url: string, token: string | undefined = TOKEN): Promise<Response> {
  return fetch(url, { headers: token === undefined ? {} : { authorization: `Bearer ${token}` } });
}

async function untilSample(t: Test, name: string, value: number): Promise<void> {
  let samples = new Map<string, number>();
  await until(async () => {
    samples = await scrape();
    return samples.get(name) === value;
  }, `${name} to be ${value}`);
  t.equal(samples.get(name), value, name);
}

t.test('streams, events, replays, requests and limits are counted', async (t) => {
  const ada = await Client.signUp(node, 'Ada');
  const boardId = await ada.createBoard();
  const before = await scrape();
  const stream = await openStream(t, node.url, boardId, ada);
  const second = await openStream(t, node.url, boardId, ada);
  await Promise.all([stream.next('ready'), second.next('ready')]);
  const { status } = await ada.get(`/boards/${boardId}/events`, { accept: 'text/event-stream' });
  t.equal(status, 429, 'a third stream of one user');
  for (const text of ['one', 'two']) t.equal((await ada.post(`/boards/${boardId}/items`, { text })).status, 201);
  for (const each of [stream, second]) await each.next('changed', ({ data }) => data.object.text === 'two');
  const { id: cursor = '' } = await stream.next('changed', ({ data }) => data.object.text === 'one');
  second.close();
  await untilSample(t, 'teamboard_streams_closed_total{reason="client"}', 1);
  const back = await openStream(t, node.url, boardId, { ...ada, headers: { 'last-event-id': cursor } });
  await back.next('changed', ({ data }) => data.object.text === 'two');

  const after = await scrape();
  const grown = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0);
  t.equal(after.get('teamboard_streams_open'), 2);
  t.equal(after.get('teamboard_boards_followed'), 1);
  t.equal(grown('teamboard_streams_opened_total'), 3);
  t.equal(grown('teamboard_streams_refused_total{limit="user"}'), 1);
  t.equal(grown('teamboard_problems_total{code="TB_TOO_MANY_STREAMS"}'), 1);
  t.equal(grown('teamboard_events_sent_total'), 5, 'two to two streams, and one that was replayed');
  t.ok(grown('teamboard_stream_bytes_total') > 5 * 300, 'and their bytes');
  const pages = ['ring', 'memory', 'database'].map((source) =>
    grown(`teamboard_replay_pages_total{source="${source}"}`),
  );
  t.ok(pages.reduce((sum, count) => sum + count) >= 1, `a page, from wherever: ${pages}`);
  t.equal(grown('teamboard_requests_total{method="POST",route="/boards/:id/items",status="201"}'), 2);
  for (const stage of ['wake-up', 'read', 'write']) {
    const batches = grown(`teamboard_delivery_seconds_count{stage="${stage}"}`);
    t.ok(batches >= 1 && batches <= 2, `${stage}: once for a batch, and not for each stream: ${batches}`);
  }
  t.ok(grown('teamboard_log_read_events_total') >= 2);
  t.equal(after.get('teamboard_listener_up'), 1);
  t.equal(after.get('teamboard_registry_up'), 1);
  t.equal(after.get('teamboard_registry_entries'), 2);
  t.ok((after.get('teamboard_listener_silent_seconds') ?? Infinity) < 60);
  t.equal(after.get('teamboard_draining'), 0);
  for (const each of [stream, back]) each.close();
  await untilSample(t, 'teamboard_streams_closed_total{reason="client"}', 3);
  await untilSample(t, 'teamboard_events_sent_total', (before.get('teamboard_events_sent_total') ?? 0) + 5);
});

t.test('an address that is nobody’s is one route, whatever it is', async (t) => {
  for (const path of ['/no-such-place', '/nor-this', '/boards//']) await fetch(`${node.url}${path}`);
  const names = [...(await scrape()).keys()].join('\n');
  t.match(names, /teamboard_requests_total\{method="GET",route="none",status="404"\}/);
  t.notMatch(names, /no-such|nor-this/);
});

t.test('only whoever has the token reads them, and nobody where none is set', async (t) => {
  const port = `http://127.0.0.1:${node.app.metricsPort()}`;
  for (const url of [`${node.url}/metrics`, `${port}/metrics`]) {
    t.equal((await ask(url)).status, 200, url);
    t.match((await ask(url)).headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
    for (const wrong of [undefined, '', 'another-token-of-nobody', `${TOKEN} `.repeat(2)]) {
      const answer = await fetch(url, { headers: wrong === undefined ? {} : { authorization: `Bearer ${wrong}` } });
      t.equal(answer.status, 401, `${wrong}`);
      t.notMatch(await answer.text(), /teamboard_/);
    }
  }
  t.equal((await ask(`${port}/boards`)).status, 404, 'nothing else is on that port');
  const taken = startNode(t, database.url, { metricsPort: node.app.metricsPort() });
  const error = await taken.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  t.match(explainStartError(error), /^port \d+ is taken: .* set METRICS_PORT to another\.$/);
  const none = await startNode(t, database.url);
  t.equal((await ask(`${none.url}/metrics`)).status, 404);
  t.equal(none.app.metricsPort(), undefined);
  t.notOk(JSON.stringify(none.app.swagger()).includes('getMetrics'));
  t.ok(JSON.stringify(node.app.swagger()).includes('getMetrics'));
});

t.test('the dashboard and the alerts name what is there, and the page says what each alert means', async (t) => {
  // What is counted by label has no sample before the first.
  const registered = await (await ask(`${node.url}/metrics`)).text();
  const known = new Set([...registered.matchAll(/^# TYPE (\S+) /gm)].map(([, name = '']) => name));
  const alerts = readProjectFile('deploy/alerts.yaml');
  const dashboard = readProjectFile('deploy/grafana-dashboard.json');
  const page = readProjectFile('docs/operations.md');
  for (const [file, text] of Object.entries({ alerts, dashboard, page })) {
    const named = new Set([...text.matchAll(/\b(?:teamboard|nodejs|process)_[a-z0-9_]+/g)].map(([name]) => name));
    t.ok(named.size >= 4, `${named.size} in ${file}`);
    for (const name of named)
      t.ok(known.has(name) || known.has(name.replace(/_(bucket|count|sum)$/, '')), `${file}: ${name}`);
    if (file !== 'dashboard') continue;
    const own = [...known].filter((name) => name.startsWith('teamboard_'));
    for (const name of own) t.match(text, name, `the dashboard shows ${name}`);
  }
  const names = [...alerts.matchAll(/alert: (\w+)/g)].map(([, name]) => name);
  const headings = [...page.matchAll(/^### (\w+)/gm)].map(([, name]) => name);
  t.ok(names.length >= 10);
  t.same(headings, names, 'in the same order');
  for (const [, code = ''] of alerts.matchAll(/\b(TB_[A-Z_]+)/g))
    t.match(readProjectFile('docs/errors.md'), code, code);
  const { panels } = JSON.parse(dashboard) as { panels: Array<{ title: string; targets: object[] }> };
  t.ok(panels.every(({ title, targets }) => title && targets.length > 0));
});
