// What streams must have told when all is over.

import type { ReceivedFrame } from './event-stream.ts';
import { until } from './until.ts';

/** What a stream or a reader has been told so far. */
export interface Told {
  readonly frames: ReceivedFrame[];
  readonly seqs: number[];
}

/** The numbers from one to another, both with them. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

/** @returns what is wrong with seqs that should be each the last plus one, `from` to `to`; undefined when all is well */
export function findFault(seqs: number[], from: number, to: number): string | undefined {
  const index = seqs.findIndex((seq, place) => seq !== from + place);
  if (index >= 0) return `${seqs[index]} came where ${from + index} was due`;
  return seqs.length === to - from + 1 ? undefined : `${seqs.length} events from ${from}, and not up to ${to}`;
}

/**
 * Waits until each has been told of the event `to`.
 *
 * @param kinds of frames that may come besides `changed`
 * @returns what is wrong: a seq that is missing, comes twice or out of order, and any other kind of frame
 */
export async function findFaults(
  streams: Told[],
  { from, to }: { from: number; to: number },
  kinds = ['ready'],
): Promise<string[]> {
  for (const stream of streams) await until(() => (stream.seqs.at(-1) ?? 0) >= to, `event ${to} on each stream`);
  return streams.flatMap(({ seqs, frames }, index) => {
    const others = frames.filter(({ event = '' }) => event !== 'changed' && !kinds.includes(event));
    const fault = findFault(seqs, from, to);
    return [...(fault ? [fault] : []), ...others.map((frame) => JSON.stringify(frame))].map(
      (text) => `stream ${index}: ${text}`,
    );
  });
}
