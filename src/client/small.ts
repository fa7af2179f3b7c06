// Small things that several files need.

import type { Outside } from './outside.ts';
import type { Status } from './types.ts';

/** One timer: setting it ends the one that runs. */
export function createTimer({ after }: Outside) {
  let stop = () => {};
  /** @param ms 0: none runs any more */
  return (ms = 0, callback = stop): void => {
    stop();
    if (ms) stop = after(ms, callback);
  };
}

/** @returns what lets so long pass */
export function createPause({ after }: Outside) {
  return (ms: number) => new Promise<void>((resolve) => void after(ms, resolve));
}

/** Who is told of something. One that throws keeps it from nobody. */
export function listeners<Told extends unknown[]>({ report }: Outside) {
  const all = new Set<(...told: Told) => void>();
  return {
    /** @returns what ends that */
    add(listener: (...told: Told) => void): () => void {
      all.add(listener);
      return () => void all.delete(listener);
    },
    tell(...told: Told): void {
      for (const listener of all) {
        try {
          listener(...told);
        } catch (error) {
          report(error);
        }
      }
    },
  };
}

/** Whether two say the same, whenever they began. */
export function isSame(one: Status, other: Status): boolean {
  return one.name === other.name && one.reason === other.reason;
}
