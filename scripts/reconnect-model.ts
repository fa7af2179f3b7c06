// Streams that were cut off or told to go, when each tries again, and the queue before whoever takes it.

import { closeRules, openingRetryMs, type RetrySpan } from '../src/streams/wire/close-reason.ts';
import { Random } from '../test/soak/random.ts';

export interface Simulated {
  event: 'deploy' | 'killed' | 'away';
  nodes: number;
  /** That one node, or the proxy, has. */
  streams: number;
  /** Seconds over which a node that is deployed ends its streams. */
  drain: number;
  /** Seconds for which a proxy is away. */
  gone: number;
  /** That a node can open in a second. */
  openings: number;
  seed: number;
}

export interface Second {
  /** Tries in this second, also those that fail. */
  tries: number;
  opened: number;
  /** At its end. */
  waiting: number;
}

export interface Result {
  seconds: Second[];
  /** From the end of a stream until it is open again, in ms, in order. */
  awayMs: number[];
}

/**
 * A browser comes back by itself after the last `retry:` that it was told, again and again: so long the proxy is away,
 * each try costs it that much. Streams go to the nodes in turn, and wait there for those before them.
 */
export function simulate({ event, nodes, streams, drain, gone, openings, seed }: Simulated): Result {
  const random = new Random(seed);
  const draw = ([least, most]: RetrySpan) => random.between(least, most);
  const tries: number[] = [];
  const arrivals = Array.from({ length: streams }, (_, index) => {
    const endedAt = event === 'deploy' ? (index / streams) * drain * 1000 : 0;
    const retryMs = draw(event === 'deploy' ? closeRules.shutdown.retryMs : openingRetryMs);
    let at = endedAt + retryMs;
    tries.push(at);
    while (event === 'away' && at < gone * 1000) {
      at += retryMs;
      tries.push(at);
    }
    return { endedAt, at };
  });
  arrivals.sort((one, other) => one.at - other.at);

  const takers = event === 'away' ? nodes : nodes - 1;
  const freeAt = new Array<number>(takers).fill(0);
  const opened = arrivals.map(({ endedAt, at }, index) => {
    const openedAt = Math.max(at, freeAt[index % takers] ?? 0) + 1000 / openings;
    freeAt[index % takers] = openedAt;
    return { at, openedAt, awayMs: openedAt - endedAt };
  });

  const last = Math.floor(Math.max(...freeAt) / 1000);
  const seconds = Array.from({ length: last + 1 }, (): Second => ({ tries: 0, opened: 0, waiting: 0 }));
  for (const at of tries) (seconds[Math.floor(at / 1000)] as Second).tries += 1;
  for (const { at, openedAt } of opened) {
    const [came, done] = [Math.floor(at / 1000), Math.floor(openedAt / 1000)];
    (seconds[done] as Second).opened += 1;
    for (let second = came; second < done; second += 1) (seconds[second] as Second).waiting += 1;
  }
  return { seconds, awayMs: opened.map(({ awayMs }) => awayMs).sort((one, other) => one - other) };
}

const WIDTH = 40;

/** For people: a row for each second, with a bar for what was opened, and what it comes to. */
export function table({ seconds, awayMs }: Result): string {
  const most = Math.max(...seconds.map(({ opened }) => opened));
  const rows = seconds.map(({ tries, opened, waiting }, second) => {
    const numbers = [second, tries, opened, waiting].map((number) => String(number).padStart(8)).join('');
    return `${numbers}  ${'#'.repeat(Math.round((opened / most) * WIDTH))}`.trimEnd();
  });
  const quantile = (part: number) => ((awayMs[Math.ceil(awayMs.length * part) - 1] ?? 0) / 1000).toFixed(1);
  return [
    '  second   tries  opened waiting',
    ...rows,
    `${awayMs.length} streams, away for ${quantile(0.5)} s (p50), ${quantile(0.99)} s (p99), ${quantile(1)} s (all); ` +
      `${Math.max(...seconds.map(({ tries }) => tries))} tries and ${most} openings in the busiest second`,
    '',
  ].join('\n');
}
