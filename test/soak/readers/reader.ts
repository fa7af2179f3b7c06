// A client that comes back for ever, each time to any node, in the way of its kind.

import { setTimeout as delay } from 'node:timers/promises';
import type { Figures } from '../figures.ts';
import type { Random } from '../random.ts';
import type { Violations } from '../violations.ts';
import type { ClientProxy, ProxyFault } from '../world/client-proxy.ts';
import type { SoakNode } from '../world/soak-node.ts';
import { type ConnectionPlan, planConnection, type ReaderKind } from './reader-kinds.ts';
import { StreamConnection } from './stream-connection.ts';
import type { Subscription } from './subscription.ts';

/** The longest wait before coming back, so that the soak keeps moving. */
export const LONGEST_RETRY_MS = 3000;
const REFUSED_MS = 200;
/** Heartbeats come every 2 s here: see nodes.ts. */
const SILENCE_MS = 8000;
const SLOW_SILENCE_MS = 60_000;

export interface ReaderOptions {
  name: string;
  kind: ReaderKind;
  subscription: Subscription;
  /** Something is written on its own board many times a second. */
  isOnBusyBoard: boolean;
  nodes: SoakNode[];
  /** In front of each node, in their order. */
  proxies: Record<ProxyFault, ClientProxy[]>;
  random: Random;
  violations: Violations;
  figures: Figures;
}

export class Reader {
  readonly name: string;
  readonly kind: ReaderKind;
  readonly isOnBusyBoard: boolean;
  readonly subscription: Subscription;
  readonly #options: ReaderOptions;
  #retryMs = 1000;
  #connection: StreamConnection | undefined;
  #node: SoakNode | undefined;
  #isCalm = false;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.name = options.name;
    this.kind = options.kind;
    this.isOnBusyBoard = options.isOnBusyBoard;
    this.subscription = options.subscription;
  }

  /** The node whose stream it holds, if it holds one. */
  get openOn(): SoakNode | undefined {
    return this.subscription.streamId === undefined ? undefined : this.#node;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** From now on it reads as the fast ones do, straight from a node. */
  calm(): void {
    this.#isCalm = true;
    if (this.kind === 'fast' || this.kind === 'snapshot') return;
    if (this.kind === 'slow' || this.kind === 'stalled') this.#connection?.hurry();
    else this.#connection?.leave(false);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#connection?.leave(false);
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    // Not all in the same instant.
    await delay(this.#options.random.between(0, 1500), undefined, { signal }).catch(() => {});
    while (!signal.aborted) {
      const { kind, random } = this.#options;
      const plan = this.#isCalm ? {} : planConnection(kind, random);
      const wasAnswered = await this.#connectToAny(plan);
      const retryMs = plan.isImpatient ? 0 : Math.min(this.#retryMs, LONGEST_RETRY_MS);
      await delay(wasAnswered ? retryMs : REFUSED_MS, undefined, { signal }).catch(() => {});
    }
  }

  /** As a load balancer does: one node after the other, until one answers. */
  async #connectToAny(plan: ConnectionPlan): Promise<boolean> {
    const { nodes, random } = this.#options;
    for (const node of random.shuffled(nodes)) {
      if (this.#stopping.signal.aborted) return true;
      if (await this.#connect(plan, node)) return true;
    }
    return false;
  }

  async #connect(plan: ConnectionPlan, node: SoakNode): Promise<boolean> {
    const { subscription, figures, violations } = this.#options;
    this.#node = node;
    const connection = this.#request(plan, node);
    this.#connection = connection;
    const timers = this.#misbehave(plan, connection);
    const { status, reason } = await connection.ended;
    for (const timer of timers) clearTimeout(timer);
    this.#connection = undefined;
    subscription.disconnected();
    if (status !== undefined) figures.connections[subscription.kind] += 1;
    figures.count('ends', subscription.isClosed ? 'close' : reason);
    const isHttp = !reason.startsWith('HPE_') || reason === 'HPE_INVALID_EOF_STATE';
    if ((status !== undefined && status !== 200) || !isHttp) {
      violations.add('a stream that may come back gets 200', `${subscription.describe()}: ${status} ${reason}`);
    }
    return status !== undefined;
  }

  #request(plan: ConnectionPlan, node: SoakNode): StreamConnection {
    const { subscription, proxies } = this.#options;
    const where = `node ${node.index}${plan.via ? ` (${plan.via})` : ''}`;
    return new StreamConnection({
      port: plan.via ? (proxies[plan.via][node.index]?.port ?? node.port) : node.port,
      ...subscription.connect(plan, where),
      bytesPerSecond: plan.bytesPerSecond,
      silenceMs: plan.bytesPerSecond === undefined ? SILENCE_MS : SLOW_SILENCE_MS,
      onRetry: (ms) => {
        this.#retryMs = ms;
      },
      onFrame: (frame) => void subscription.heard(frame),
    });
  }

  #misbehave({ stall, leave }: ConnectionPlan, connection: StreamConnection): NodeJS.Timeout[] {
    const timers: NodeJS.Timeout[] = [];
    if (leave) timers.push(setTimeout(() => connection.leave(leave.byReset), leave.afterMs));
    if (stall) {
      const begin = () => {
        if (!this.#isCalm) connection.stall();
      };
      timers.push(setTimeout(begin, stall.afterMs));
      timers.push(setTimeout(() => connection.hurry(), stall.afterMs + stall.forMs));
    }
    return timers;
  }
}
