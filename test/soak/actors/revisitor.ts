// Opens a board again about when its node stops listening for it, and says something there that must be heard.

import { setTimeout as delay } from 'node:timers/promises';
import type { FaultHistory } from '../faults/faults.ts';
import type { Figures } from '../figures.ts';
import type { Random } from '../random.ts';
import { StreamConnection } from '../readers/stream-connection.ts';
import type { Violations } from '../violations.ts';
import type { SoakUser } from '../world/boards.ts';
import type { SoakNode } from '../world/soak-node.ts';
import { Routine } from './routine.ts';

/** How long a node goes on listening for a board without a stream. */
const LINGER_MS = 10_000;
const AROUND_MS = 700;
const READY_MS = 5000;
/** Nobody else is broken meanwhile: then a broadcast is heard at once, or by a board that is deaf never. */
const HEARD_MS = 2000;
const AGAIN_MS = 250;
/** What a fault leaves behind: a listener that is opened again, a node that starts. */
const AFTERMATH_MS = 8000;

export interface RevisitorOptions {
  boardId: string;
  user: SoakUser;
  nodes: SoakNode[];
  history: FaultHistory;
  random: Random;
  figures: Figures;
  violations: Violations;
}

export class Revisitor extends Routine {
  readonly #options: RevisitorOptions;
  #node: SoakNode | undefined;
  #visits = 0;

  constructor(options: RevisitorOptions) {
    super();
    this.#options = options;
  }

  protected pauseMs(): number {
    const { random } = this.#options;
    return this.#visits === 0 ? random.between(0, LINGER_MS) : LINGER_MS + random.between(-AROUND_MS, AROUND_MS);
  }

  protected async turn(): Promise<void> {
    const { random, nodes } = this.#options;
    // Always the same, which is the one that still listens or has just stopped.
    this.#node ??= random.pick(nodes);
    await this.#visit(this.#node);
  }

  async #visit(node: SoakNode): Promise<void> {
    const { boardId, user, figures, violations } = this.#options;
    this.#visits += 1;
    const startedAt = performance.now();
    const name = `visit-${this.#visits}`;
    const events = new Set<string>();
    const connection = new StreamConnection({
      port: node.port,
      path: `/boards/${boardId}/events`,
      headers: { accept: 'text/event-stream', cookie: user.cookie },
      silenceMs: READY_MS,
      onRetry: () => {},
      onFrame: ({ event, data }) => {
        if (event === 'broadcast' && JSON.parse(data).name !== name) return;
        events.add(String(event));
      },
    });
    const isReady = await this.#wait(() => events.has('ready'), READY_MS);
    const isHeard = isReady && (await this.#callUntilHeard(node, name, () => events.has('broadcast')));
    connection.leave(false);
    const isCalm = this.#wasCalm(node, startedAt) && !events.has('close') && !this.stopping.aborted;
    figures.count('reopened boards', isHeard ? 'heard' : isCalm && isReady ? 'deaf' : 'while something was broken');
    if (isReady && !isHeard && isCalm) {
      const detail = `board ${boardId} on node ${node.index}, visit ${this.#visits}`;
      violations.add('a board that is opened again hears broadcasts', detail);
    }
  }

  async #callUntilHeard(node: SoakNode, name: string, isHeard: () => boolean): Promise<boolean> {
    const deadline = performance.now() + HEARD_MS;
    while (performance.now() < deadline && !this.stopping.aborted) {
      await this.#call(node, name).catch(() => {});
      if (await this.#wait(isHeard, AGAIN_MS)) return true;
    }
    return false;
  }

  async #call({ url }: SoakNode, name: string): Promise<void> {
    const { boardId, user } = this.#options;
    const response = await fetch(`${url}/boards/${boardId}/broadcasts`, {
      method: 'POST',
      headers: { cookie: user.cookie, 'content-type': 'application/json' },
      body: JSON.stringify({ name, data: {} }),
      signal: AbortSignal.timeout(HEARD_MS),
    });
    await response.text();
  }

  async #wait(condition: () => boolean, ms: number): Promise<boolean> {
    const deadline = performance.now() + ms;
    while (!condition() && performance.now() < deadline && !this.stopping.aborted) await delay(20);
    return condition();
  }

  #wasCalm({ index }: SoakNode, since: number): boolean {
    return this.#options.history.brokenUntil(['node', 'listener', 'postgres'], index) < since - AFTERMATH_MS;
  }
}
