// What the board application costs the browser, by its own trace: script on the page's main thread for each frame, while 20
// people move their pointers and a note each on a board of 1,000, and while a board of 5,000 is opened and panned. Processor
// time of that thread, so that other work on the machine is not counted. Needs Debian's chromium.

import { chromium } from 'playwright-core';
import { openBenchStream, percentile, signUp, startBenchNode } from './bench-node.mjs';
import { readTrace } from './bench-trace.mjs';

const PEOPLE = 20;
/** As the application sends them. */
const POINT_MS = 50;
const MOVE_MS = 120;
const TRACE_MS = 10_000;
const PAN_FRAMES = 300;
const IN_A_ROW = 40;
const AT_ONCE = 500;

const node = await startBenchNode();
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
});
const owner = await signUp(node.url);

/** @param {number} count @returns {Promise<{ id: string, items: string[] }>} a board of so many notes */
async function createBoard(count) {
  const { board } = await owner.post('/boards', { name: `${count} notes` });
  const items = [];
  for (let from = 0; from < count; from += AT_ONCE) {
    const operations = Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, index) => {
      const [x, y] = [((from + index) % IN_A_ROW) * 220, Math.floor((from + index) / IN_A_ROW) * 150];
      return { op: 'create', item: { text: `Note ${from + index}, and what there is to say of it`, x, y } };
    });
    const { results } = await owner.post(`/boards/${board.id}/batch`, { operations });
    for (const { item } of results) items.push(item.id);
  }
  return { id: board.id, items };
}

/** @param {string} id @returns the board on a page of its own, with all of its first notes, and how long that took */
async function openPage(id) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const [name = '', value = ''] = owner.cookie.split('=');
  await context.addCookies([{ name, value, url: node.url }]);
  const page = await context.newPage();
  page.on('pageerror', (error) => console.log(error));
  const start = performance.now();
  await page.goto(`${node.url}/b/${id}`);
  await page.locator('[data-item-id]').first().waitFor();
  return { context, page, ms: performance.now() - start };
}

/**
 * @param {import('playwright-core').Page} page
 * @param {() => Promise<void>} during
 */
async function trace(page, during) {
  const session = await page.context().newCDPSession(page);
  /** @type {any[]} */
  const events = [];
  session.on('Tracing.dataCollected', ({ value }) => events.push(...value));
  const categories = ['devtools.timeline', 'devtools.timeline.frame', 'v8', 'blink.user_timing'];
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { includedCategories: categories },
  });
  await during();
  const ended = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve));
  await session.send('Tracing.end');
  await ended;
  await session.detach();
  return readTrace(events);
}

/** @param {string} about @param {{ frames: number[], seconds: number }} trace */
function print(about, { frames, seconds }) {
  const [p50, p95, most] = [0.5, 0.95, 1].map((share) => percentile(frames, share).toFixed(2));
  const rate = (frames.length / seconds).toFixed(0);
  console.log(`${about}: script p50 ${p50} ms, p95 ${p95} ms, at most ${most} ms a frame; ${rate} frames a second`);
}

/** @param {string} path @param {string} cookie @param {string} method @param {unknown} body */
async function send(path, cookie, method, body) {
  const answer = await fetch(node.url + path, {
    method,
    headers: { cookie, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  await answer.arrayBuffer();
  return answer.ok;
}

const wait = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Twenty, who point and move until they are stopped. @param {{ id: string, items: string[] }} board */
async function startPeople({ id, items }) {
  const { token } = await owner.post(`/boards/${id}/invites`, { role: 'editor' });
  const sent = { pointers: 0, moves: 0 };
  let isOver = false;
  /** @type {Array<Promise<void>>} */
  const loops = [];
  /** @type {Array<{ destroy(): void }>} */
  const streams = [];
  const circle = (/** @type {number} */ person, /** @type {number} */ turn) => ({
    x: (person % 5) * 220 + Math.round(40 * Math.cos(turn / 5)),
    y: Math.floor(person / 5) * 150 + Math.round(40 * Math.sin(turn / 5)),
  });
  /** @param {number} ms @param {(turn: number) => Promise<void>} what */
  const repeat = async (ms, what) => {
    for (let turn = 0; !isOver; turn += 1) await Promise.all([what(turn), wait(ms)]);
  };
  for (let person = 0; person < PEOPLE; person += 1) {
    const { cookie, post } = await signUp(node.url);
    await post(`/invites/${token}/accept`, {});
    streams.push(await openBenchStream(node.url, id, cookie, () => {}));
    loops.push(
      repeat(POINT_MS, async (turn) => {
        const data = { ...circle(person, turn), window: 'bench' };
        if (await send(`/boards/${id}/broadcasts`, cookie, 'POST', { name: 'cursor', data })) sent.pointers += 1;
      }),
    );
  }
  // Written as one, so that the machine is busy with the page. To the page it is the same: an event for each.
  loops.push(
    repeat(MOVE_MS, async (turn) => {
      const operations = Array.from({ length: PEOPLE }, (_, person) => ({
        op: 'update',
        // Of the first rows, which are in sight.
        id: items[(person % 5) + Math.floor(person / 5) * IN_A_ROW],
        item: circle(person, turn),
      }));
      if (await send(`/boards/${id}/batch`, owner.cookie, 'POST', { operations })) sent.moves += PEOPLE;
    }),
  );
  return {
    sent,
    async stop() {
      isOver = true;
      await Promise.all(loops);
      for (const stream of streams) stream.destroy();
    },
  };
}

/** Runs in the page: a little farther in each frame, and back. */
const panned = `async (frames) => {
  const view = document.querySelector('team-board').shadowRoot.querySelector('.canvas');
  for (let frame = 0; frame < frames; frame += 1) {
    view.dispatchEvent(new WheelEvent('wheel', { deltaX: frame < frames / 2 ? 15 : -15, deltaY: 8, cancelable: true }));
    await new Promise(requestAnimationFrame);
  }
}`;

const small = await createBoard(1000);
const busy = await openPage(small.id);
const people = await startPeople(small);
await wait(2000);
for (const about of ['60 of them in sight', 'all of them in sight']) {
  const before = { ...people.sent };
  const result = await trace(busy.page, () => wait(TRACE_MS));
  print(`1,000 notes, ${PEOPLE} people, ${about}`, result);
  const [points, moves] = [people.sent.pointers - before.pointers, people.sent.moves - before.moves];
  console.log(
    `  of ${(points / result.seconds).toFixed(0)} places and ${(moves / result.seconds).toFixed(0)} moves a second`,
  );
  await busy.page.getByRole('button', { name: 'Fit all notes' }).click();
  await wait(1000);
}
await people.stop();
await busy.context.close();

const large = await createBoard(5000);
const { context, page, ms } = await openPage(large.id);
console.log(`5,000 notes: the first ones are there after ${ms.toFixed(0)} ms`);
await page.locator('.canvas').hover();
for (const about of ['', ', all of them in sight']) {
  const result = await trace(page, async () => {
    await page.evaluate(`(${panned})(${PAN_FRAMES})`);
  });
  print(`5,000 notes, panned${about}`, result);
  await page.getByRole('button', { name: 'Fit all notes' }).click();
  await wait(1000);
}
await context.close();
await browser.close();
await node.stop();
