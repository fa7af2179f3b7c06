// Measures the way between this page and the node that answers, by `GET /streams/check`.

import { readFrames } from '../state/raw-stream.ts';
import { Failure } from '../state/service.ts';
import { fieldsOf } from './frame-fields.ts';
import { looksHeld, type Round, type WayMeasured } from './way-verdict.ts';

/** A page that stands still for a moment sees what a buffer does: longer rounds, until one says otherwise. */
const ROUNDS = [10, 20, 40];

interface Answer extends Round {
  encoding: string;
  isForwarded: boolean;
  /** From the last event before the end to the end. */
  silenceMs: number;
  /** Whether the node has ended it. */
  isWhole: boolean;
}

/**
 * @param url of the server, without a slash at the end
 * @param onStep is told what goes on
 * @throws Failure when there is no such answer
 */
export async function measureWay(
  url: string,
  signal: AbortSignal,
  onStep: (step: string) => void,
): Promise<WayMeasured> {
  const protocol = hearProtocol(`${url}/streams/check`);
  try {
    return { ...(await measure(url, signal, onStep)), protocol: protocol.heard() };
  } finally {
    protocol.stop();
  }
}

async function measure(url: string, signal: AbortSignal, onStep: (step: string) => void) {
  const rounds: Answer[] = [];
  for (const ticks of ROUNDS) {
    onStep(`Reading ${ticks} events …`);
    const round = await read(`${url}/streams/check?ticks=${ticks}&silence=0`, signal);
    rounds.push(round);
    if (!looksHeld(round)) break;
  }
  onStep('Waiting in silence, for as long as between two heartbeats …');
  const { silenceMs, isWhole } = await read(`${url}/streams/check?ticks=2`, signal);
  const { encoding = '', isForwarded = false } = rounds[0] ?? {};
  return { rounds, encoding, isForwarded, silence: { seconds: silenceMs / 1000, isWhole } };
}

/**
 * A browser notes how an answer came in a task of its own, some time after the answer's end, and in a list that is full
 * after 250 answers: whoever looks there once finds nothing on a busy machine. An observer is told of each.
 */
function hearProtocol(address: string): { heard(): string; stop(): void } {
  let heard = '';
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as PerformanceResourceTiming[]) {
      if (entry.name.startsWith(address)) heard ||= entry.nextHopProtocol;
    }
  });
  observer.observe({ type: 'resource' });
  return { heard: () => heard, stop: () => observer.disconnect() };
}

async function read(url: string, signal: AbortSignal): Promise<Answer> {
  const times: Array<{ sentMs: number; cameMs: number }> = [];
  let encoding = '';
  let isForwarded = false;
  let lastMs = performance.now();
  let silenceMs: number | undefined;
  await readFrames(url, {
    signal,
    onHead: (answer) => {
      if (!answer.ok) throw new Failure(`The server answered ${answer.status}. Try again in a moment.`, answer.status);
      encoding = answer.headers.get('content-encoding') ?? '';
      lastMs = performance.now();
    },
    onFrame: (text) => {
      const { event, data } = fieldsOf(text);
      const cameMs = performance.now();
      const { atMs, isForwarded: is } = data as { atMs: number; isForwarded: boolean };
      isForwarded = is;
      if (event === 'end') {
        silenceMs = atMs - (times.at(-1)?.sentMs ?? 0);
        return;
      }
      times.push({ sentMs: atMs, cameMs });
      lastMs = cameMs;
    },
  }).catch((error: unknown) => {
    // What was cut off has told enough.
    if (error instanceof Failure || signal.aborted || times.length === 0) throw error;
  });
  const isWhole = silenceMs !== undefined;
  return { times, encoding, isForwarded, silenceMs: silenceMs ?? performance.now() - lastMs, isWhole };
}
