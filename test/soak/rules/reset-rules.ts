// Whether a reset has the reason that it names.

import type { Attempt } from '../readers/attempt.ts';
import type { Place } from './place.ts';

export interface Reset {
  reason: string;
  /** The place of the reader before it. */
  from: Place | undefined;
  to: Place;
  attempt: Attempt;
  /** The history of the database is changing, or has just changed. */
  isUnsettled: boolean;
}

/** @returns what is wrong; `trimmed`, `gap` and `lost` when the log must say whether it holds; undefined when it holds */
export function findResetFault({ reason, from, to, attempt, isUnsettled }: Reset): string | undefined {
  const { lie, isLost } = attempt;
  if (isLost) return undefined;
  if (lie) {
    const { reason: due = reason } = lie;
    const isOtherEpoch = !lie.cursor.startsWith(to.epoch) && due === 'ahead';
    const expected = isOtherEpoch || isUnsettled ? [due, 'epoch'] : [due];
    return expected.includes(reason) ? undefined : ` for a cursor that is ${due}`;
  }
  // A snapshot does not say why it comes; nor does a cursor of many boards say why it has lost one.
  if (from && (reason === 'lost' || (reason === 'gap' && attempt.isOfMany))) return isUnsettled ? undefined : 'lost';
  if (reason === 'gap' && from) return 'gap';
  // It came without a cursor while the history ended.
  if (reason === 'epoch' && !from && isUnsettled) return undefined;
  if (reason === 'trimmed' && from) return isUnsettled ? undefined : 'trimmed';
  return reason !== 'epoch' || !from || (from.epoch === to.epoch && !isUnsettled) ? '' : undefined;
}
