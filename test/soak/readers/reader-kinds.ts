// The ways in which a client may read, and what the next connection of each will be like.

import type { Random } from '../random.ts';
import type { ProxyFault } from '../world/client-proxy.ts';

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
  /** Names something else than the cursor that it has, mostly. */
  isLying?: boolean;
  bytesPerSecond?: number;
  stall?: { afterMs: number; forMs: number };
  leave?: { afterMs: number; byReset: boolean };
  /** Comes back at once, whatever `retry:` says. */
  isImpatient?: boolean;
  /** Names the cursor in the query and not in the header. */
  byQuery?: boolean;
}

export function planConnection(kind: ReaderKind, random: Random): ConnectionPlan {
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
        isLying: true,
        byQuery: random.chance(0.5),
        leave: { afterMs: random.between(2000, 10_000), byReset: false },
      };
  }
}
