// What runs in the background: nobody who asks is forgotten, failures are told once, and the end is the end.

import { setImmediate as nextTurn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { AccessWatch } from '../../src/access/access-watch.ts';
import { LoggedFailures } from '../../src/background/failures.ts';
import { Task } from '../../src/background/task.ts';
import { Broadcasts } from '../../src/broadcasts/broadcasts.ts';
import { Hub } from '../../src/streams/fan-out/hub.ts';
import type { Follower } from '../../src/streams/follower.ts';
import { timings } from '../../src/timings.ts';
import { unheard } from '../helpers/unheard.ts';
import { until } from '../helpers/until.ts';

const silent = { info: () => {}, warn: () => {} };
const boardId = '01a203b6-1fa0-7192-875a-07443cb85f66';

/** Work that stands still in each run until it is told to go on. */
class Gate {
  runs = 0;
  #waiting: Array<() => void> = [];
  #isOpen = false;

  async pass(): Promise<void> {
    this.runs += 1;
    if (!this.#isOpen) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  next(): void {
    for (const goOn of this.#waiting.splice(0)) goOn();
  }

  open(): void {
    this.#isOpen = true;
    this.next();
  }
}

function startHub(t: Test, gate: Gate, heads = new Map<string, number>()) {
  const extents = async (boardIds: string[]) => {
    await gate.pass();
    const found = boardIds.map((id) => [id, { head: heads.get(id) ?? 0, trimmedTo: 0 }] as const);
    return { epoch: 'e', extents: new Map(found) };
  };
  const readAfter = async () => {
    await gate.pass();
    return { epoch: 'e', entries: [[]] };
  };
  const hub = new Hub({
    log: { extents, readAfter },
    logger: silent,
    listen: async () => {},
    unlisten: () => {},
    rings: { bytesPerBoard: 1, bytesPerNode: 1 },
    timings: timings.streams,
  });
  t.teardown(() => {
    gate.open();
    return hub.stop();
  });
  return hub;
}

/** What each of them is asked for, and how: with the gate in the middle of its run. */
const askers: Record<string, (t: Test, gate: Gate) => Promise<() => void>> = {
  'a task': async (t, gate) => {
    const task = new Task({ run: async () => void (await gate.pass()) as undefined, failures: unheard });
    t.teardown(() => task.stop());
    return () => task.wake();
  },
  'the sweep of the heads': async (t, gate) => {
    const hub = startHub(t, gate);
    hub.resume('e');
    await openBoard(hub, gate);
    return () => hub.sweep();
  },
  'the reader of the log': async (t, gate) => {
    const hub = startHub(t, gate);
    await openBoard(hub, gate);
    return () => hub.wake(boardId, 1);
  },
  'the look at sessions': async (t, gate) => {
    const watch = new AccessWatch({
      readRemaining: async (ids) => {
        await gate.pass();
        return new Map(ids.map((id) => [id, 1e6]));
      },
      log: silent,
      sweepMs: timings.access.sweepMs,
    });
    watch.admit({ id: 'c', expiresAt: null });
    t.teardown(() => {
      gate.open();
      return watch.stop();
    });
    return () => watch.recheck();
  },
};

/** Until nothing is under way. */
async function openBoard(hub: Hub, gate: Gate): Promise<void> {
  let isOpen = false;
  const ask = async () => {
    await gate.pass();
    return { epoch: 'e', head: 0 };
  };
  void hub.attach(boardId, ask).then(() => {
    isOpen = true;
  });
  await until(async () => {
    const { runs } = gate;
    gate.next();
    for (let turn = 0; turn < 5; turn += 1) await nextTurn();
    return isOpen && runs === gate.runs;
  }, 'the board');
}

for (const [name, start] of Object.entries(askers)) {
  t.test(`${name}: who asks while a run is under way gets one that begins after it (E4)`, async (t) => {
    const gate = new Gate();
    const ask = await start(t, gate);
    const before = gate.runs;
    ask();
    await until(() => gate.runs === before + 1, 'a run');
    ask();
    ask();
    gate.next();
    await until(() => gate.runs === before + 2, 'another run');
    gate.open();
  });
}

t.test('all that is asked for in one tick is one run, and none begins in that tick', async (t) => {
  let runs = 0;
  const task = new Task({
    run: async () => {
      runs += 1;
      return undefined;
    },
    failures: unheard,
  });
  for (let asked = 0; asked < 10; asked += 1) task.wake();
  t.equal(runs, 0);
  await nextTurn();
  t.equal(runs, 1);
  await task.stop();
  task.wake();
  await task.start();
  await nextTurn();
  t.equal(runs, 1, 'none after the end');
});

t.test('a run that asks for itself again leaves the event loop to others', async (t) => {
  const task: Task = new Task({ run: async () => 0, failures: unheard });
  task.wake();
  for (let turn = 0; turn < 10; turn += 1) await nextTurn();
  await task.stop();
  t.pass('or this would never have come');
});

t.test('what fails is tried again by itself, later each time, and told once', async (t) => {
  const lines: Array<[string, object, string]> = [];
  const log = {
    info: (details: object, message: string) => void lines.push(['info', details, message]),
    warn: (details: object, message: string) => void lines.push(['warn', details, message]),
  };
  const away = Object.assign(new Error('away'), { code: 'AWAY' });
  const outcomes: unknown[] = [away, away, new TypeError('ours'), away, new TypeError('ours'), undefined, undefined];
  const times: number[] = [];
  const task = new Task({
    run: async () => {
      times.push(performance.now());
      const outcome = outcomes.shift();
      if (outcome) throw outcome;
      return outcomes.length > 0 ? 1 : undefined;
    },
    failures: new LoggedFailures({
      log,
      owner: 'test',
      failing: 'it fails',
      healed: 'it works',
      isOutage: (error) => error === away,
    }),
    backoff: { firstMs: 20, lastMs: 40 },
  });
  t.teardown(() => task.stop());
  await task.start();
  const hammering = setInterval(() => task.wake(), 1);
  t.teardown(() => clearInterval(hammering));
  await until(() => outcomes.length === 0, 'all outcomes');
  clearInterval(hammering);
  t.match(lines, [
    ['warn', { owner: 'test', reason: 'away' }, 'it fails'],
    ['warn', { owner: 'test', reason: 'ours', err: TypeError }, 'it fails'],
    ['info', { owner: 'test', failures: 5 }, 'it works'],
  ]);
  t.equal(lines.length, 3);
  const least = [9, 19, 19, 19, 19];
  const pauses = times.slice(1, 6).map((time, index) => time - (times[index] ?? 0));
  t.ok(
    pauses.every((pause, index) => pause >= (least[index] ?? 0)),
    `nobody who asks shortens ${pauses}`,
  );
});

for (const ask of ['hurry', 'retryNow'] as const) {
  t.test(`who hears during a run that what then fails is back waits for no backoff (${ask}) (E4)`, async (t) => {
    const gate = new Gate();
    const task = new Task({
      run: async () => {
        await gate.pass();
        if (gate.runs <= 2) throw new Error('away');
        return undefined;
      },
      failures: unheard,
      backoff: { firstMs: 60_000, lastMs: 60_000 },
    });
    t.teardown(() => {
      gate.open();
      return task.stop();
    });
    task.wake();
    await until(() => gate.runs === 1, 'the run that hangs');
    task[ask]();
    gate.next();
    await until(() => gate.runs === 2, 'the next run, at once', 20_000);
    gate.next();
    for (let turn = 0; turn < 10; turn += 1) await nextTurn();
    t.equal(gate.runs, 2, 'it counts once: what fails again waits for its time');
    task[ask]();
    await until(() => gate.runs === 3, 'the run after the pause was ended', 20_000);
    if (ask === 'retryNow') task.retryNow();
    gate.open();
    for (let turn = 0; turn < 10; turn += 1) await nextTurn();
    t.equal(gate.runs, 3, 'no run that nobody has asked for');
  });
}

const newsOfTheDatabase: Record<string, (hub: Hub) => void> = {
  'the listener is back': (hub) => hub.resume('e'),
  'another history has begun': (hub) => hub.learnEpoch('e2'),
};

for (const [news, tell] of Object.entries(newsOfTheDatabase)) {
  t.test(`when ${news}, the log is read at once, whatever had failed before (E4)`, async (t) => {
    let epoch = 'e';
    let isAway = true;
    let reads = 0;
    const hub = new Hub({
      log: {
        extents: async () => ({ epoch, extents: new Map() }),
        readAfter: async () => {
          reads += 1;
          if (isAway) throw Object.assign(new Error('away'), { code: '57P01' });
          return { epoch, entries: [[]] };
        },
      },
      logger: silent,
      listen: async () => {},
      unlisten: () => {},
      rings: { bytesPerBoard: 1, bytesPerNode: 1 },
      timings: timings.streams,
    });
    t.teardown(() => hub.stop());
    hub.learnEpoch('e');
    let isAnswered = false;
    void hub.readPage(boardId, 0).then(() => {
      isAnswered = true;
    });
    // By then the pause is 1.6 s at least.
    await until(() => reads === 6, 'a few failures');
    isAway = false;
    tell(hub);
    epoch = hub.epoch;
    await until(() => isAnswered, 'the page', 1000);
    t.equal(reads, 7);
  });
}

t.test('it is over when the run under way has ended, and a pause holds nobody up', async (t) => {
  const gate = new Gate();
  const task = new Task({ run: async () => void (await gate.pass()) as undefined, failures: unheard });
  task.wake();
  await until(() => gate.runs === 1, 'a run');
  let isOver = false;
  const stopped = task.stop().then(() => {
    isOver = true;
  });
  await nextTurn();
  t.notOk(isOver);
  gate.next();
  await stopped;
  const failing = new Task({
    run: async () => {
      throw new Error('away');
    },
    failures: unheard,
    backoff: { firstMs: 60_000, lastMs: 60_000 },
  });
  await failing.start();
  failing.hurry();
  await failing.stop();
});

t.test(
  'broadcasts that are heard while others are told follow them, and one that throws ends only itself',
  async (t) => {
    const broadcasts = new Broadcasts({ log: silent });
    t.teardown(() => broadcasts.stop());
    const told: string[] = [];
    const payload = JSON.stringify([['n', 1, boardId, 'Ada', null, '2026-01-01T00:00:00.000Z']]);
    const follower = (streamId: string, send: () => void) =>
      ({
        streamId,
        userId: boardId,
        boardId,
        sendEphemeral: send,
        fail: () => void told.push(`${streamId} failed`),
      }) as unknown as Follower;
    broadcasts.followed(
      follower('broken', () => {
        throw new TypeError('ours');
      }),
    );
    broadcasts.followed(
      follower('good', () => {
        told.push('good');
        if (told.length < 3) broadcasts.heard(boardId, payload);
      }),
    );
    broadcasts.heard(boardId, payload);
    await until(() => told.length >= 4, 'both');
    t.strictSame(told.slice(0, 4), ['broken failed', 'good', 'broken failed', 'good']);
  },
);
