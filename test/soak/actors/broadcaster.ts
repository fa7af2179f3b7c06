// A member whose pointer never rests: what it broadcasts through each node carries a running number.

import { setTimeout as delay } from 'node:timers/promises';
import type { Figures } from '../figures.ts';
import type { Random } from '../random.ts';
import type { Pointer } from '../rules/broadcast-rules.ts';
import type { Violations } from '../violations.ts';
import type { SoakUser } from '../world/boards.ts';
import type { SoakNode } from '../world/soak-node.ts';

/** Nobody waits longer to say where a pointer was. */
const ANSWER_MS = 2000;

export interface BroadcasterOptions {
  boardId: string;
  user: SoakUser;
  /** Through all nodes together. */
  perSecond: number;
  nodes: SoakNode[];
  random: Random;
  figures: Figures;
  violations: Violations;
}

/** One at a time through each node, because the order is that in which a node has taken them. */
export class Broadcaster {
  readonly #options: BroadcasterOptions;
  readonly #stopping = new AbortController();
  #running: Promise<unknown> | undefined;

  constructor(options: BroadcasterOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= Promise.all(this.#options.nodes.map((node) => this.#run(node)));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(node: SoakNode): Promise<void> {
    const { signal } = this.#stopping;
    const { boardId, user, perSecond, nodes, random } = this.#options;
    const paceMs = (1000 / perSecond) * nodes.length;
    let pointer: Pointer = { boardId, by: user.id, node: node.index, run: 0, number: 0 };
    let nextAt = performance.now() + random.between(0, paceMs);
    while (!signal.aborted) {
      await delay(Math.max(0, nextAt - performance.now()), undefined, { signal }).catch(() => {});
      nextAt = Math.max(nextAt, performance.now()) + paceMs * random.between(0.5, 1.5);
      if (!signal.aborted) pointer = await this.#send(node, pointer);
    }
  }

  /** @returns the next one */
  async #send({ url }: SoakNode, pointer: Pointer): Promise<Pointer> {
    const { user, figures, violations } = this.#options;
    const lost = { ...pointer, run: pointer.run + 1, number: 0 };
    try {
      const response = await fetch(`${url}/boards/${pointer.boardId}/broadcasts`, {
        method: 'POST',
        headers: { cookie: user.cookie, 'content-type': 'application/json' },
        body: JSON.stringify({ name: 'pointer', data: pointer }),
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      const text = await response.text();
      figures.count('broadcasts', String(response.status));
      if (response.status === 202) return { ...pointer, number: pointer.number + 1 };
      if (response.status === 429) return pointer;
      if (response.status !== 503) violations.add('a broadcast is answered as it should be', text);
    } catch {
      figures.count('broadcasts', 'no answer');
    }
    return lost;
  }
}
