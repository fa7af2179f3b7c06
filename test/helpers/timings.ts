// The timings of nodes whose faults a test waits for: about a tenth of the real ones, and a quarter of those within which
// a busy machine must answer; a lease is half as long, so that none ends where a machine stands still for three seconds. The sweeps stay as they are: what a test waits for comes sooner than by one, and must. With
// TEST_TIMINGS=real all are the real ones: a lane of CI runs the tests that use these so.

import { timings as real, type Timings } from '../../src/timings.ts';

const quick: Timings = {
  connections: { probeMs: 500, answerMs: 500 },
  streams: real.streams,
  access: real.access,
  leases: { leaseMs: 4000, beatMs: 500, reapMs: 125 },
  vanishedClients: { keepAliveIdleMs: 1000, lookMs: 500, silenceMs: 1500 },
  output: { stallMs: 6000 },
  requests: { headMs: 1500, headLookMs: 250, bodySilenceMs: 2000, bodyLookMs: 250, finishMs: 400 },
  issuerKeys: { cooldownMs: 500, retryMs: 200, answerMs: real.issuerKeys.answerMs },
  presence: { retryMs: 50 },
  webhooks: {
    leaseMs: 8000,
    roundMs: 500,
    connectMs: 1500,
    answerMs: 2000,
    retryFirstMs: 100,
    retryLastMs: 1000,
    giveUpMs: 86_400_000,
  },
};

export const timings: Readonly<Timings> = process.env.TEST_TIMINGS === 'real' ? real : quick;

/** Longer than any test. */
const NEVER_MS = 3_600_000;

/** What a sweep would bring does not come: what comes all the same was told, or read when a connection was back. */
export function withoutSweeps(given: Timings = real): Timings {
  return withSweeps(given, NEVER_MS);
}

/** A sweep comes soon, and a test need not wait for it. */
export function withManySweeps(given: Timings = real): Timings {
  return withSweeps(given, 250);
}

function withSweeps(given: Timings, everyMs: number): Timings {
  return { ...given, streams: { ...given.streams, headSweepMs: everyMs }, access: { sweepMs: everyMs } };
}
