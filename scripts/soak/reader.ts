// A client of one board that comes back for ever, each time to any node, in the way of its kind.

import { setTimeout as delay } from 'node:timers/promises';
import type { Auditor } from './auditor.ts';
import type { ClientProxy, ProxyFault } from './client-proxy.ts';
import type { EventRecord } from './event-record.ts';
import type { Figures } from './figures.ts';
import type { Ledger } from './ledger.ts';
import type { OpenStreams } from './open-streams.ts';
import type { Random } from './random.ts';
import { type ConnectionPlan, planConnection, type ReaderKind } from './reader-kinds.ts';
import type { SoakNode } from './soak-node.ts';
import { StreamConnection } from './stream-connection.ts';
import { type Attempt, StreamRules } from './stream-rules.ts';
import type { Violations } from './violations.ts';

/** The longest wait before coming back, so that the soak keeps moving. */
export const LONGEST_RETRY_MS = 3000;
const REFUSED_MS = 200;
/** How often the board's id is written in capitals. */
const IN_CAPITALS = 0.15;
/** Heartbeats come every 2 s here: see nodes.ts. */
const SILENCE_MS = 8000;
const SLOW_SILENCE_MS = 60_000;

export interface ReaderOptions {
  name: string;
  kind: ReaderKind;
  boardId: string;
  /** Something is written there many times a second. */
  isOnBusyBoard: boolean;
  /** A cursor of somebody who reads another board, once there is one. */
  borrowCursor: () => string | undefined;
  user: { id: string; cookie: string };
  nodes: SoakNode[];
  /** In front of each node, in their order. */
  proxies: Record<ProxyFault, ClientProxy[]>;
  random: Random;
  record: EventRecord;
  auditor: Auditor;
  ledger: Ledger;
  openStreams: OpenStreams;
  violations: Violations;
  figures: Figures;
}

export class Reader {
  readonly name: string;
  readonly kind: ReaderKind;
  readonly boardId: string;
  readonly isOnBusyBoard: boolean;
  readonly #options: ReaderOptions;
  readonly #rules: StreamRules;
  #firstCursor: string | undefined;
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
    this.boardId = options.boardId;
    this.isOnBusyBoard = options.isOnBusyBoard;
    const { name, boardId, user, record, auditor, violations, figures, ledger } = options;
    const onChanged = (_seq: number, mutationId: string | undefined) => {
      const mutation = this.kind === 'fast' ? ledger.find(mutationId) : undefined;
      if (mutation) figures.delivered(name, mutation);
    };
    const rules = { name, boardId, userId: user.id, record, auditor, ledger, violations, figures, onChanged };
    this.#rules = new StreamRules(rules);
  }

  /** The last event that it has seen. */
  get seq(): number {
    return this.#rules.seq;
  }

  /** Of its last event. */
  get cursor(): string | undefined {
    return this.#rules.cursor;
  }

  /** Of the stream that it holds, if it holds one. */
  get streamId(): string | undefined {
    return this.#rules.streamId;
  }

  /** The node whose stream it holds, if it holds one. */
  get openOn(): SoakNode | undefined {
    return this.#rules.streamId === undefined ? undefined : this.#node;
  }

  /** Who is there, as its stream was told; undefined while it holds none, or was not told. */
  get present(): ReadonlySet<string> | undefined {
    return this.#rules.streamId === undefined ? undefined : this.#rules.present;
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

  describe(): string {
    return `${this.#rules.describe()}, at ${this.#rules.cursor}`;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    // Not all in the same instant.
    await delay(this.#options.random.between(0, 1500), undefined, { signal }).catch(() => {});
    while (!signal.aborted) {
      const { kind, random, borrowCursor } = this.#options;
      const plan = this.#isCalm ? {} : planConnection(kind, random, this.#rules.epoch, borrowCursor());
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
    const { openStreams, user, figures, violations } = this.#options;
    const attempt: Attempt = {
      cursor: plan.lie?.cursor ?? (plan.rewind ? this.#firstCursor : this.#rules.cursor),
      lie: plan.lie,
      wantsSnapshot: this.kind === 'snapshot',
    };
    this.#node = node;
    this.#rules.connecting(attempt, `node ${node.index}${plan.via ? ` (${plan.via})` : ''}`);
    const connection = this.#request(plan, attempt, node);
    this.#connection = connection;
    const timers = this.#misbehave(plan, connection);
    const { status, reason } = await connection.ended;
    for (const timer of timers) clearTimeout(timer);
    this.#connection = undefined;
    const { streamId } = this.#rules;
    if (streamId !== undefined) openStreams.ended(streamId);
    this.#rules.streamId = undefined;
    if (status !== undefined) figures.connections += 1;
    figures.count('ends', this.#rules.isClosed ? 'close' : reason);
    const isHttp = !reason.startsWith('HPE_') || reason === 'HPE_INVALID_EOF_STATE';
    if ((status !== undefined && status !== 200) || !isHttp) {
      violations.add(
        'a stream that may come back gets 200',
        `${this.describe()}: ${status} ${reason}, user ${user.id}`,
      );
    }
    this.#firstCursor ??= streamId === undefined ? undefined : this.#rules.cursor;
    return status !== undefined;
  }

  #request(plan: ConnectionPlan, { cursor, wantsSnapshot }: Attempt, node: SoakNode): StreamConnection {
    const { boardId, user, proxies, openStreams, random } = this.#options;
    const query = new URLSearchParams({
      ...(wantsSnapshot && { snapshot: 'true' }),
      ...(plan.byQuery && cursor !== undefined && { lastEventId: cursor }),
    });
    const isNew = () => this.#rules.streamId === undefined;
    return new StreamConnection({
      port: plan.via ? (proxies[plan.via][node.index]?.port ?? node.port) : node.port,
      path: `/boards/${random.chance(IN_CAPITALS) ? boardId.toUpperCase() : boardId}/events?${query}`,
      headers: {
        accept: 'text/event-stream',
        cookie: user.cookie,
        ...(!plan.byQuery && cursor !== undefined && { 'last-event-id': cursor }),
      },
      bytesPerSecond: plan.bytesPerSecond,
      silenceMs: plan.bytesPerSecond === undefined ? SILENCE_MS : SLOW_SILENCE_MS,
      onRetry: (ms) => {
        this.#retryMs = ms;
      },
      onFrame: (frame) => {
        const wasNew = isNew();
        this.#rules.heard(frame);
        const { streamId } = this.#rules;
        if (wasNew && streamId !== undefined) openStreams.opened(streamId, boardId, user.id);
      },
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
