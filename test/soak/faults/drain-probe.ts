// A proxy that has not asked yet whether the node is ready, and goes on sending streams to it.

import { setTimeout as delay } from 'node:timers/promises';
import type { Figures } from '../figures.ts';
import { DRAIN_MS, type SoakNode } from '../world/soak-node.ts';

const PACE_MS = 150;
/** On a machine that runs all of this at once the end is not to the millisecond. */
const MARGIN_MS = 500;
const ANSWER_MS = 2000;

export interface DrainProbeOptions {
  boardId: string;
  /** Of a member of the board. */
  cookie: string;
  figures: Figures;
}

/** Call together with the signal. Until the drain is over the port is open, and a stream gets 200: any other answer ends an EventSource for good. */
export async function knockWhileDraining(node: SoakNode, options: DrainProbeOptions): Promise<void> {
  const { boardId } = options;
  const paths = [`/boards/${boardId}/events`, `/events?boards=${boardId}`];
  const until = performance.now() + DRAIN_MS - MARGIN_MS;
  for (let count = 0; performance.now() < until; count += 1) {
    const outcome = await knock(node, paths[count % 2] ?? '', options);
    options.figures.count('requests while draining', outcome);
    const isLate = performance.now() > until;
    if (outcome !== '200' && outcome !== 'no answer' && !isLate) {
      node.complain('a node that drains answers streams with 200', outcome);
    }
    await delay(PACE_MS);
  }
}

async function knock({ url }: SoakNode, path: string, { cookie }: DrainProbeOptions): Promise<string> {
  try {
    const response = await fetch(url + path, {
      headers: { accept: 'text/event-stream', cookie, connection: 'close' },
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    await response.body?.cancel();
    return String(response.status);
  } catch (error) {
    const { cause, name } = error as Error & { cause?: { code?: string } };
    return cause?.code ?? (name === 'TimeoutError' ? 'no answer' : String(error));
  }
}
