// Cursors that a reader makes up, and what it expects to hear then.

import type { Random } from '../random.ts';
import type { Lie } from './attempt.ts';

/**
 * @param epoch as the reader knows it; empty before its first event
 * @param ofOtherBoard a cursor that is good there
 */
export function drawLie(random: Random, epoch: string, ofOtherBoard: string | undefined): Lie {
  const madeUp = random.whole(0x10000000, 0xffffffff).toString(16);
  const lies: Lie[] = [
    { reason: 'malformed', cursor: random.pick(['nonsense', '0', `${madeUp}-01`, `${madeUp}-9999999999999999`, '-']) },
    { reason: 'epoch', cursor: `${madeUp}-${random.whole(0, 5000)}` },
  ];
  if (ofOtherBoard !== undefined) lies.push({ reason: 'epoch', cursor: ofOtherBoard });
  if (epoch) lies.push({ reason: 'ahead', cursor: `${epoch}-${random.whole(10_000_000, 2 ** 50)}` });
  return random.pick(lies);
}

/** @param own that the reader has; empty for none */
export function drawVectorLie(random: Random, own: string): Lie {
  const cut = own.slice(0, random.whole(1, Math.max(1, own.length - 1)));
  return { reason: 'malformed', cursor: random.pick(['nonsense', cut || '-', `${own}AAAA`]) };
}
