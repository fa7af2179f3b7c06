// Measures the way to the node that answers, by `GET /streams/check`, for whoever can read events.

import { looksHeld, type Round, type WayMeasured } from './way-verdict.ts';

/** Who stands still for a moment sees what a buffer does: longer rounds, until one says otherwise. */
const ROUNDS = [10, 20, 40];

/** What each event says; of a node of an older version not all of it. */
export interface CheckEvent {
  atMs: number;
  isForwarded: boolean;
  isBelieved?: boolean;
  isOverTls?: boolean;
}

export interface CheckListener {
  /** @param encoding what `Content-Encoding` says; empty: nothing */
  onHead(encoding: string): void;
  onEvent(name: string, data: CheckEvent): void;
}

/**
 * @param query of the check
 * @returns when the answer has ended. @throws when it was cut, or there is none
 */
export type ReadCheck = (query: string, listener: CheckListener) => Promise<void>;

interface Answer extends Round {
  encoding: string;
  /** The last event. */
  said: CheckEvent | undefined;
  /** From the last event before the end to the end. */
  silenceMs: number;
  /** Whether the node has ended it. */
  isWhole: boolean;
}

export type Measured = Omit<WayMeasured, 'protocol'> & Pick<CheckEvent, 'isBelieved' | 'isOverTls'>;

/**
 * @param signal ends it
 * @param onStep is told what goes on
 * @throws what `read` throws, when not one event came
 */
export async function measureWay(
  read: ReadCheck,
  signal: AbortSignal,
  onStep: (step: string) => void,
): Promise<Measured> {
  const rounds: Answer[] = [];
  for (const ticks of ROUNDS) {
    onStep(`Reading ${ticks} events …`);
    const round = await readOnce(read, `ticks=${ticks}&silence=0`, signal);
    rounds.push(round);
    if (!looksHeld(round)) break;
  }
  onStep('Waiting in silence, for as long as between two heartbeats …');
  const { silenceMs, isWhole } = await readOnce(read, 'ticks=2', signal);
  const { encoding = '', said } = rounds[0] ?? {};
  const { isForwarded = false, isBelieved, isOverTls } = said ?? {};
  return {
    ...{ rounds, encoding, isForwarded, silence: { seconds: silenceMs / 1000, isWhole } },
    ...(isBelieved !== undefined && { isBelieved }),
    ...(isOverTls !== undefined && { isOverTls }),
  };
}

async function readOnce(read: ReadCheck, query: string, signal: AbortSignal): Promise<Answer> {
  const times: Array<{ sentMs: number; cameMs: number }> = [];
  let encoding = '';
  let said: CheckEvent | undefined;
  let lastMs = performance.now();
  let silenceMs: number | undefined;
  await read(query, {
    onHead: (told) => {
      encoding = told;
      lastMs = performance.now();
    },
    onEvent: (name, data) => {
      const cameMs = performance.now();
      said = data;
      if (name === 'end') {
        silenceMs = data.atMs - (times.at(-1)?.sentMs ?? 0);
        return;
      }
      times.push({ sentMs: data.atMs, cameMs });
      lastMs = cameMs;
    },
  }).catch((error: unknown) => {
    // What was cut off has told enough.
    if (signal.aborted || times.length === 0) throw error;
  });
  const isWhole = silenceMs !== undefined;
  return { times, encoding, said, silenceMs: silenceMs ?? performance.now() - lastMs, isWhole };
}
