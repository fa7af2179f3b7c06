// The ways in which a client may read, and what the next connection of each will be like.

import type { ProxyFault } from './client-proxy.ts';
import type { Random } from './random.ts';
import type { Lie } from './stream-rules.ts';

export const readerKinds = [
  'fast',
  'snapshot',
  'slow',
  'stalled',
  'dropping',
  'byte by byte',
  'cut',
  'half-open',
  'lying',
] as const;
export type ReaderKind = (typeof readerKinds)[number];

export interface ConnectionPlan {
  via?: ProxyFault;
  /** In place of the reader's own cursor. */
  lie?: Lie;
  /** An earlier cursor that it really had, instead of its last. */
  rewind?: boolean;
  bytesPerSecond?: number;
  stall?: { afterMs: number; forMs: number };
  leave?: { afterMs: number; byReset: boolean };
  /** Comes back at once, whatever `retry:` says. */
  isImpatient?: boolean;
  /** Names the cursor in the query and not in the header. */
  byQuery?: boolean;
}

/**
 * @param epoch as the reader knows it; empty before its first event
 * @param ofOtherBoard a cursor that is good there
 */
export function planConnection(
  kind: ReaderKind,
  random: Random,
  epoch: string,
  ofOtherBoard: string | undefined,
): ConnectionPlan {
  switch (kind) {
    case 'fast':
    case 'snapshot':
      return {};
    case 'slow':
      return { bytesPerSecond: random.between(2000, 8000) };
    case 'stalled':
      return { stall: { afterMs: random.between(500, 3000), forMs: random.pick([5000, 15_000, 60_000, 75_000]) } };
    case 'dropping':
      return {
        leave: { afterMs: random.between(20, 6000), byReset: random.chance(0.5) },
        isImpatient: random.chance(0.5),
        byQuery: random.chance(0.3),
      };
    case 'byte by byte':
      return { via: 'slicing' };
    case 'cut':
      return { via: 'cutting', isImpatient: random.chance(0.5) };
    case 'half-open':
      return { via: 'swallowing' };
    case 'lying':
      return {
        ...planLie(random, epoch, ofOtherBoard),
        leave: { afterMs: random.between(2000, 10_000), byReset: false },
      };
  }
}

function planLie(random: Random, epoch: string, ofOtherBoard: string | undefined): ConnectionPlan {
  const byQuery = random.chance(0.5);
  const madeUp = random.whole(0x10000000, 0xffffffff).toString(16);
  const lies: Lie[] = [
    { reason: 'malformed', cursor: random.pick(['nonsense', '0', `${madeUp}-01`, `${madeUp}-9999999999999999`, '-']) },
    { reason: 'epoch', cursor: `${madeUp}-${random.whole(0, 5000)}` },
  ];
  if (ofOtherBoard !== undefined) lies.push({ reason: 'epoch', cursor: ofOtherBoard });
  if (epoch) lies.push({ reason: 'ahead', cursor: `${epoch}-${random.whole(10_000_000, 2 ** 50)}` });
  const choice = random.whole(0, lies.length + 1);
  const lie = lies[choice];
  if (lie) return { lie, byQuery };
  return choice === lies.length ? { rewind: true, byQuery } : { byQuery };
}
