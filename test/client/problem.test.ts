// An answer that is no stream, and when its server may be asked again.

import t from 'tap';
import { answerReader } from '../../src/client/problem.ts';

const HOUR_MS = 3_600_000;
const NOW = Date.UTC(2026, 0, 1);
const readAnswer = answerReader({ now: () => NOW });
const after = async (text: string) => {
  const answer = new Response('{"code":"TB_X"}', { status: 503, headers: { 'retry-after': text } });
  return (await readAnswer(answer)).retryAfterMs;
};

t.test('Retry-After is a number of seconds, an hour at most', async (t) => {
  t.equal(await after('7'), 7000);
  t.equal(await after('99999999'), HOUR_MS);
  t.equal(await after('1e999'), HOUR_MS);
  for (const none of ['0', '-5', '', 'soon', 'NaN']) t.equal(await after(none), 0, none);
});

t.test('Retry-After is a date, too', async (t) => {
  const at = (ms: number) => after(new Date(NOW + ms).toUTCString());
  t.equal(await at(60_000), 60_000, 'by the clock of the page');
  t.equal(await at(-60_000), 0);
  t.equal(await at(24 * HOUR_MS), HOUR_MS, 'also by a clock that is wrong');
});

t.test('an answer is told by its code, its status, or that there is none', async (t) => {
  t.match(await readAnswer(new Response('{"code":"TB_X"}', { status: 503 })), { status: 503, reason: 'TB_X' });
  t.match(await readAnswer(new Response('<h1>', { status: 502 })), { status: 502, reason: '502' });
  t.match(await readAnswer(new Response('{}', { status: 202 })), { status: 202, retryAfterMs: 0 });
  t.match(await readAnswer(new TypeError('fetch failed')), { status: 0, reason: 'unreachable', retryAfterMs: 0 });
});
