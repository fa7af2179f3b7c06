// Measures the way between this page and the node that answers.

import { type CheckEvent, measureWay as measure, type ReadCheck } from '../../way/measure-way.ts';
import type { WayMeasured } from '../../way/way-verdict.ts';
import { readFrames } from '../state/raw-stream.ts';
import { Failure } from '../state/service.ts';
import { fieldsOf } from './frame-fields.ts';

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
  const address = `${url}/streams/check`;
  const read: ReadCheck = (query, { onHead, onEvent }) =>
    readFrames(`${address}?${query}`, {
      signal,
      onHead: (answer) => {
        if (!answer.ok)
          throw new Failure(`The server answered ${answer.status}. Try again in a moment.`, answer.status);
        onHead(answer.headers.get('content-encoding') ?? '');
      },
      onFrame: (text) => {
        const { event, data } = fieldsOf(text);
        onEvent(event, data as unknown as CheckEvent);
      },
    });
  const protocol = hearProtocol(address);
  try {
    return { ...(await measure(read, signal, onStep)), protocol: protocol.heard() };
  } finally {
    protocol.stop();
  }
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
