// Nodes whose wall clocks are wrong: one an hour ahead, one an hour behind, and the database and Redis are right.

import { randomUUID } from 'node:crypto';
import t from 'tap';
import { expectWithin, SECOND_MS } from '../helpers/bounds.ts';
import { Client } from '../helpers/client.ts';
import { type EventStream, oneOfTwo, openStream } from '../helpers/event-stream.ts';
import { startPair } from '../helpers/node-pair.ts';
import { noPrivateRedis } from '../helpers/redis.ts';
import { findFaults, range } from '../helpers/seqs.ts';
import { timings, withoutSweeps } from '../helpers/timings.ts';
import { until } from '../helpers/until.ts';

const HOUR_MS = 3_600_000;
/** Longer than a lease, so that every lease that a clock could end has ended. */
const LONGER_THAN_LEASE_MS = timings.leases.leaseMs + 1000;

/** What moves the wall clock of a process of Node, and not the clock that its timers go by. */
function clockOff(byMs: number): Record<string, string> {
  const code = `globalThis.Date = class extends Date {
    constructor(...given) { given.length > 0 ? super(...given) : super(new.target.now()); }
    static now() { return super.now() + ${byMs}; }
  };`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` };
}

t.test(
  'with clocks two hours apart nothing is reaped, nothing ends early, keys are known, and the log is right (E2, E6, E7)',
  { skip: noPrivateRedis },
  async (t) => {
    const {
      nodes,
      database,
      ada,
      bob,
      boardId,
      head: start,
      heard,
      listed,
      reaped,
    } = await startPair(t, {
      environment: { HEARTBEAT_SECONDS: '1' },
      timings: withoutSweeps(timings),
      environments: [clockOff(HOUR_MS), clockOff(-HOUR_MS)],
    });
    const [ahead, behind] = nodes;
    const clockOf = (node: typeof ahead) => Number(node.logged[0]?.time) - Date.now();
    t.ok(clockOf(ahead) > HOUR_MS / 2 && clockOf(behind) < -HOUR_MS / 2, 'their clocks are off');

    const streams: EventStream[] = [];
    // Each of them on a stream of the board alone, and on one of many boards.
    for (const [index, node] of nodes.entries()) {
      for (const user of [ada, bob]) {
        const beside = oneOfTwo(index + (user === ada ? 0 : 1), []);
        streams.push(await openStream(t, node.url, boardId, { ...user, beside }));
      }
    }
    await Promise.all(streams.map((stream) => stream.next('ready')));
    const complete = async () => (await listed()).length === 4;
    await until(complete, 'all in the registry');
    const openedAt = performance.now();

    // Each write by one node, and again by the other, with the same key.
    const items: string[] = [];
    for (let round = 0; round < 6; round += 1) {
      const [first, second] = round % 2 === 0 ? nodes : [behind, ahead];
      const key = { 'idempotency-key': randomUUID() };
      const made = await ada.at(first).post(`/boards/${boardId}/items`, { text: `${round}` }, key);
      const again = await ada.at(second).post(`/boards/${boardId}/items`, { text: `${round}` }, key);
      t.strictSame([made.status, again.status], [201, 201]);
      t.equal(again.headers.get('idempotent-replayed'), 'true', 'known at the other node');
      t.strictSame(again.body, made.body);
      items.push(made.body.item.id);
    }
    t.strictSame(await findFaults(streams, { from: start + 1, to: start + 6 }), [], 'each event once, in order');
    const told = streams[0]?.frames.filter(({ event }) => event === 'changed') ?? [];
    t.strictSame(
      told.map(({ data }) => data.id),
      items,
      'in the order of the writes',
    );
    const times = told.map(({ data }) => Date.parse(data.at));
    t.strictSame(
      times,
      times.toSorted((a, b) => a - b),
    );
    t.ok(
      times.every((at) => Math.abs(at - Date.now()) < HOUR_MS / 10),
      "their times are the database's",
    );
    for (const node of nodes) {
      const { status, body } = await ada.at(node).get('/session');
      t.equal(status, 200, 'a session that was begun at the other is known');
      t.ok(Date.parse(body.expiresAt) > Date.now() + 24 * HOUR_MS);
    }

    await until(() => performance.now() - openedAt > LONGER_THAN_LEASE_MS, 'more than a lease');
    await heard.marker();
    t.strictSame(reaped(), [], 'nobody is taken for dead');
    t.strictSame(heard.actions(boardId).toSorted(), ['join', 'join'], 'and nobody has left');
    t.ok(await complete());
    const cursor = streams[0]?.frames.find(({ event }) => event === 'changed')?.id ?? '';
    for (const node of nodes) {
      for (const beside of [undefined, []]) {
        const resumed = await openStream(t, node.url, boardId, {
          ...bob,
          headers: { 'last-event-id': cursor },
          beside,
        });
        await resumed.next('changed', ({ data }) => data.seq === start + 6);
        t.strictSame(resumed.seqs, range(start + 2, start + 6), 'a cursor is good at both');
      }
    }
    t.ok(streams.every(({ closed, frames }) => !closed && frames.every(({ event }) => event !== 'close')));
    await until(() => streams.every(({ heartbeats }) => heartbeats.length >= 5), 'heartbeats, as ever');

    await expectWithin(t, { lateMs: SECOND_MS }, async () => {
      const eve = await Client.signUp(ahead, 'Eve');
      await database.sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'viewer')`, [
        boardId,
        eve.user.id,
      ]);
      const hers = await Promise.all(
        nodes.map((node, index) => openStream(t, node.url, boardId, { ...eve, beside: oneOfTwo(index, []) })),
      );
      await Promise.all(hers.map((stream) => stream.next('ready')));
      const expiresAt = performance.now() + 2000;
      await database.sql(`update teamboard.sessions set expires_at = now() + interval '2 seconds' where user_id = $1`, [
        eve.user.id,
      ]);
      const late: number[] = [];
      for (const stream of hers) {
        await stream.end();
        late.push(Math.round(performance.now() - expiresAt));
        t.match(stream.frames.at(-1), { event: 'close', data: { reason: 'expired' } });
      }
      t.ok(Math.min(...late) > -50, `a session that expires does so at its time, and not before: ${late} ms`);
      return { lateMs: Math.max(...late) };
    });
    t.ok(streams.every(({ closed }) => !closed));
  },
);
