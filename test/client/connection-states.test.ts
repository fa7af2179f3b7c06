// The connection of a page as a truth table: each state with each event, none left out.

import t from 'tap';
import {
  backoffMs,
  type Circumstances,
  type Events,
  type StateName,
  type Step,
  step,
} from '../../src/client/connection-states.ts';

const given: Circumstances = { random: 0.5, deadAfterMs: 45_000, canRenew: false };
const answer = (status: number, retryAfterMs = 0) => ({ status, reason: `TB_${status}`, retryAfterMs });
const close = (retry: boolean) => ({ retry, reason: 'why' });

type Case = {
  [Type in keyof Events]: [type: Type, told: Events[Type], circumstances?: Partial<Circumstances>];
}[keyof Events];

const events = {
  want: ['want', true],
  'want none': ['want', false],
  ready: ['ready', undefined],
  heard: ['heard', undefined],
  'close, come back': ['close', close(true)],
  'close, for good': ['close', close(false)],
  'close, for good, with a ticket': ['close', close(false), { canRenew: true }],
  'error, comes back': ['error', false],
  'error, gone': ['error', true],
  'answer 401': ['answer', answer(401)],
  'answer 401, with a ticket': ['answer', answer(401), { canRenew: true }],
  'answer 404': ['answer', answer(404)],
  'answer 403': ['answer', answer(403)],
  'answer 404 of another server': ['answer', { ...answer(404), reason: '404' }],
  'answer 400': ['answer', answer(400)],
  'answer 429': ['answer', answer(429, 60_000)],
  'answer 503': ['answer', answer(503)],
  'answer 200': ['answer', answer(200)],
  'no answer': ['answer', answer(0)],
  timer: ['timer', undefined],
  wake: ['wake', undefined],
  hole: ['hole', undefined],
  stop: ['stop', undefined],
} satisfies Record<string, Case>;

type EventName = keyof typeof events;

const stop = 'closed cut 0 ended closed';
const none = 'idle cut 0';
const opening = 'opening open 10000';
const switching = 'switching open 10000';
const live = 'live 45000 live';
const anew = 'switching+ open 10000';
const asking = 'asking ask 10000';
const barred = 'barred cut 30000';
const closing = 'closing 40000 behind why';
const renew = 'opening renew 10000 behind why';
const out = 'refused cut 0 signed-out why';
// Half of the way from 1 s to 3 s.
const waiting = (status: string, reason = '') => `waiting+ cut 2000 ${status} ${reason}`.trim();
const answers = {
  'answer 401': 'refused cut 0 signed-out TB_401',
  'answer 401, with a ticket': 'opening renew 10000 behind TB_401',
  'answer 404': 'idle end 0 TB_404',
  'answer 403': 'idle end 0 TB_403',
  'answer 404 of another server': waiting('behind', '404'),
  'answer 400': waiting('behind', 'TB_400'),
  'answer 429': 'barred+ cut 60000 behind TB_429',
  'answer 503': waiting('behind', 'TB_503'),
  'answer 200': waiting('behind', 'TB_200'),
  'no answer': waiting('offline', 'TB_0'),
};
const closes = {
  'close, come back': closing,
  'close, for good': out,
  'close, for good, with a ticket': renew,
};

/** What becomes of it; what is not here changes nothing. `+`: one more failure, `=0`: none any more. */
const table: Record<StateName, Partial<Record<EventName, string>>> = {
  idle: { want: `${opening} connecting`, 'want none': none, stop },
  opening: {
    ...closes,
    ...answers,
    want: opening,
    'want none': none,
    hole: anew,
    ready: live,
    'error, comes back': waiting('offline'),
    'error, gone': asking,
    timer: waiting('offline', 'silent'),
    stop,
  },
  live: {
    ...closes,
    want: switching,
    'want none': none,
    ready: live,
    heard: 'live 45000',
    'error, comes back': waiting('behind'),
    'error, gone': asking,
    timer: `${opening} behind silent`,
    wake: switching,
    hole: anew,
    stop,
  },
  switching: {
    ...closes,
    ...answers,
    want: switching,
    'want none': none,
    hole: anew,
    ready: live,
    'error, comes back': waiting('behind'),
    'error, gone': asking,
    timer: waiting('offline', 'silent'),
    stop,
  },
  closing: {
    ...closes,
    'want none': barred,
    hole: anew,
    ready: live,
    'error, comes back': 'resting',
    'error, gone': asking,
    timer: opening,
    stop,
  },
  resting: {
    ...closes,
    'want none': barred,
    hole: anew,
    ready: live,
    'error, comes back': waiting('offline'),
    'error, gone': asking,
    timer: opening,
    stop,
  },
  barred: { timer: opening, stop },
  waiting: { 'want none': none, timer: opening, wake: opening, stop },
  asking: { ...answers, 'want none': none, timer: waiting('offline', 'silent'), wake: opening, stop },
  refused: { 'want none': none, wake: `${opening} connecting`, stop },
  closed: {},
};

function tellOf(before: StateName, { name, failures, act, ms, tell, reason }: Step): string {
  const isMore = failures === 4 ? '+' : '';
  if (failures !== 3 && failures !== 4) throw new Error(`${before}: ${failures} failures`);
  return [`${name}${isMore}`, act, ms, tell, reason].filter((each) => each !== undefined).join(' ');
}

for (const [name, row] of Object.entries(table) as Array<[StateName, (typeof table)[StateName]]>) {
  t.test(`${name}: each event`, async (t) => {
    for (const [event, [type, told, circumstances]] of Object.entries(events) as Array<[EventName, Case]>) {
      const state = { name, failures: 3 };
      // With 3 failures the longest wait is 24 s; the table is about the first one.
      const first = { ...state, failures: 0 };
      const next = step(state, type, told as never, { ...given, ...circumstances });
      const nextOfFirst = step(first, type, told as never, { ...given, ...circumstances });
      const said = tellOf(name, { ...next, ...(nextOfFirst.ms !== undefined && { ms: nextOfFirst.ms }) });
      t.equal(said, row[event] ?? name, event);
      t.strictSame(state, { name, failures: 3 }, 'nothing is changed in place');
    }
  });
}

t.test('a stream that says ready, and no more, does not end the failures in a row', async (t) => {
  t.equal(step({ name: 'opening', failures: 7 }, 'ready', undefined, given).failures, 7);
  t.equal(step({ name: 'resting', failures: 7 }, 'ready', undefined, given).failures, 7);
});

t.test('a stream that leaves something out again and again is opened at once, then ever more seldom', async (t) => {
  const hole = (failures: number) => step({ name: 'live', failures }, 'hole', undefined, given);
  t.match([0, 1, 2].map(hole), [{ act: 'open' }, { act: 'open' }, { act: 'open' }]);
  t.match(hole(3), { name: 'switching', failures: 4, act: 'open' });
  t.match(hole(4), { name: 'waiting', failures: 5, act: 'cut', tell: 'behind', reason: 'gap' });
});

t.test('the waits are 1 s at least and 30 s at most, and grow with each failure', async (t) => {
  t.strictSame(
    [0, 1, 2, 3, 4, 50].map((failures) => backoffMs(failures, 0.999_999)).map(Math.round),
    [3000, 6000, 12_000, 24_000, 30_000, 30_000],
  );
  t.strictSame(
    [0, 50].map((failures) => backoffMs(failures, 0)),
    [1000, 1000],
  );
});

t.test('a server that names a time is not asked before, and the wait is never shorter than ours', async (t) => {
  const wait = (ms: number) => step({ name: 'asking', failures: 0 }, 'answer', answer(429, ms), given).ms;
  t.equal(wait(60_000), 60_000);
  t.equal(wait(10), 2000);
});
