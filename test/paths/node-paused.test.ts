// SIGSTOP of one of two nodes for longer than its lease, as a frozen container or a swapping machine does, and SIGCONT.

import t from 'tap';
import { registryKeys } from '../../src/liveness/registry-keys.ts';
import { startWriters } from '../helpers/acknowledged-writes.ts';
import { oneOfTwo, openStream } from '../helpers/event-stream.ts';
import { startPair } from '../helpers/node-pair.ts';
import { noPrivateRedis } from '../helpers/redis.ts';
import { listedBy } from '../helpers/registry.ts';
import { findFaults } from '../helpers/seqs.ts';
import { timings } from '../helpers/timings.ts';
import { until } from '../helpers/until.ts';

/** Half as long again as the lease: when the node wakes, each of its timers is overdue. */
const PAUSE_MS = 1.5 * timings.leases.leaseMs;
const STREAMS = 5;

t.test(
  'a node that was paused is reaped once, comes back as another, and its streams go on without a gap (E2, E7)',
  { skip: noPrivateRedis },
  async (t) => {
    const { nodes, redis, ada, bob, boardId, head: start, registry, heard, reaped } = await startPair(t, { timings });
    const [one, two] = nodes;
    const open = (node: typeof one, user: typeof ada) =>
      Promise.all(
        Array.from({ length: STREAMS }, (_, index) =>
          openStream(t, node.url, boardId, { ...user, beside: oneOfTwo(index, []) }),
        ),
      );
    const [adas, bobs] = await Promise.all([open(one, ada), open(two, bob)]);
    const heldBy = async (userId: string) =>
      (await listedBy(registry, boardId)).filter((held) => held.userId === userId);
    const complete = async () =>
      (await heldBy(bob.user.id)).length === STREAMS && (await heldBy(ada.user.id)).length === STREAMS;
    await until(complete, 'all streams in the registry');
    const [before] = await heldBy(bob.user.id);
    const writes = startWriters(t, { urls: [one.url], boardId, client: ada, pauseMs: 100 });
    await writes.more(5);

    two.kill('SIGSTOP');
    const pausedAt = performance.now();
    await until(() => heard.leaves(boardId, bob.user.id) === 1, 'its user to leave');
    t.comment(`reaped ${((performance.now() - pausedAt) / 1000).toFixed(1)} s after the pause began`);
    t.strictSame(await heldBy(bob.user.id), []);
    await until(() => performance.now() - pausedAt > PAUSE_MS, 'the end of the pause');
    t.ok(
      bobs.every(({ closed }) => !closed),
      'its clients have noticed nothing but silence',
    );
    two.kill('SIGCONT');
    const resumedAt = performance.now();
    await until(complete, 'its streams to be registered again');
    t.comment(`registered again ${Math.round(performance.now() - resumedAt)} ms after it woke`);
    const after = await heldBy(bob.user.id);
    t.equal(new Set(after.map(({ node }) => node)).size, 1);
    t.not(after[0]?.node, before?.node, 'under a new incarnation');

    await writes.more(5);
    await writes.stop();
    const head = start + writes.acknowledged.length;
    // Also no `reset` and no `close`: they went on where they were.
    const faults = await findFaults([...adas, ...bobs], { from: start + 1, to: head });
    t.strictSame(faults, [], 'each event once, in order, on one connection');
    t.strictSame(writes.missing(bobs[0]?.frames ?? []), [], 'all that was acknowledged');
    t.comment(`caught up ${Math.round(performance.now() - resumedAt)} ms after it woke`);
    // The next beat of each: by then whatever the awakened one believed of the others has been done.
    const leases = async () =>
      (await redis.client.zrange(registryKeys('teamboard').nodes, '0', '-1', 'WITHSCORES'))
        .filter((_, index) => index % 2)
        .map(Number);
    const newest = Math.max(...(await leases()));
    await until(async () => Math.min(...(await leases())) > newest, 'the next beat of each');
    await heard.marker();
    t.strictSame(heard.actions(boardId, bob.user.id), ['join', 'leave', 'join'], 'no leave without its join');
    t.strictSame(heard.actions(boardId, ada.user.id), ['join'], 'the others never left');
    t.strictSame(reaped(), [STREAMS], 'reaped once');
    t.ok(await complete());
  },
);
