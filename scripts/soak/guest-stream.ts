// A stream that a guest holds by one access: it comes back to any node until that has ended, and must end then.

import { setTimeout as delay } from 'node:timers/promises';
import type { AccessJudge } from './access-judge.ts';
import type { Auditor } from './auditor.ts';
import type { EventRecord } from './event-record.ts';
import type { Figures } from './figures.ts';
import type { Access, Ground } from './grounds.ts';
import type { Ledger } from './ledger.ts';
import type { OpenStreams } from './open-streams.ts';
import type { Random } from './random.ts';
import type { SoakNode } from './soak-node.ts';
import { StreamConnection } from './stream-connection.ts';
import { type Frame, StreamRules } from './stream-rules.ts';
import type { Violations } from './violations.ts';

const SILENCE_MS = 8000;

export interface GuestStreamOptions {
  name: string;
  boardId: string;
  userId: string;
  access: Access;
  /** Where an earlier stream of the guest has ended. */
  cursor: string | undefined;
  nodes: SoakNode[];
  random: Random;
  record: EventRecord;
  auditor: Auditor;
  ledger: Ledger;
  openStreams: OpenStreams;
  judge: AccessJudge;
  violations: Violations;
  figures: Figures;
}

/** @returns the request of a stream by this access */
export function streamRequest({ headers, ticket }: Access, boardId: string, cursor?: string) {
  return {
    path: `/boards/${boardId}/events${ticket === undefined ? '' : `?ticket=${ticket}`}`,
    headers: { accept: 'text/event-stream', ...headers, ...(cursor !== undefined && { 'last-event-id': cursor }) },
  };
}

export class GuestStream {
  readonly access: Access;
  readonly #options: GuestStreamOptions;
  readonly #rules: StreamRules;
  #connection: StreamConnection | undefined;
  #node: SoakNode | undefined;
  /** The first ground that has ended. */
  #ended: Ground | undefined;
  #isRevoked = false;
  /** What was skipped held the removal, and now the guest is a member again. */
  #isExcused = false;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: GuestStreamOptions) {
    this.#options = options;
    this.access = options.access;
    const { name, boardId, userId, record, auditor, ledger, violations, figures, access } = options;
    const isEnding = () => access.grounds.some(({ endingAt }) => endingAt !== undefined);
    const rules = { name, boardId, userId, record, auditor, ledger, violations, figures, onChanged: () => {} };
    this.#rules = new StreamRules({ ...rules, mayBeRevoked: isEnding });
  }

  get cursor(): string | undefined {
    return this.#rules.cursor;
  }

  /** The last event that it was told, or has skipped. */
  get seq(): number {
    return this.#rules.seq;
  }

  get isExcused(): boolean {
    return this.#isExcused;
  }

  get isOpen(): boolean {
    return this.#rules.streamId !== undefined;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Call when the end of a ground was acknowledged. Resolves when the stream has ended. */
  async endsWith(ground: Ground): Promise<void> {
    const { judge } = this.#options;
    if (!this.#ended) {
      this.#ended = ground;
      if (this.#isRevoked && this.#node) judge.closed(ground, 0, this.#node);
      // Whether it came before the end or after it, nobody would know.
      else if (!this.isOpen) this.#connection?.leave(false);
    }
    await this.#running;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#connection?.leave(false);
    await this.#running;
  }

  describe(): string {
    const grounds = this.access.grounds.map(({ kind }) => kind).join(' and ');
    return `${this.#rules.describe()}, by ${this.access.by} (${grounds}), at ${this.#rules.cursor}`;
  }

  async #run(): Promise<void> {
    const { nodes, random, cursor } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted && !this.#ended && !this.#isRevoked) {
      await this.#connect(random.pick(nodes), this.#rules.cursor ?? cursor);
      if (!this.#ended) await delay(random.between(100, 1000), undefined, { signal }).catch(() => {});
    }
  }

  async #connect(node: SoakNode, cursor: string | undefined): Promise<void> {
    const { boardId, openStreams, figures, violations, access } = this.#options;
    this.#node = node;
    this.#rules.connecting({ cursor, wantsSnapshot: false }, `node ${node.index}`);
    this.#connection = new StreamConnection({
      port: node.port,
      ...streamRequest(access, boardId, cursor),
      silenceMs: SILENCE_MS,
      onRetry: () => {},
      onFrame: (frame) => this.#heard(frame, node),
    });
    const { status, reason } = await this.#connection.ended;
    this.#connection = undefined;
    const { streamId } = this.#rules;
    if (streamId !== undefined) openStreams.ended(streamId);
    this.#rules.streamId = undefined;
    if (streamId !== undefined && this.#ended && !this.#isRevoked) {
      figures.count('ended streams', this.#rules.isClosed ? 'closed for another reason' : 'cut before');
    }
    const isEnding = access.grounds.some(({ endingAt }) => endingAt !== undefined);
    if (status !== undefined && status !== 200 && !isEnding) {
      violations.add('a stream that may come back gets 200', `${this.describe()}: ${status} ${reason}`);
    }
  }

  #heard(frame: Frame, node: SoakNode): void {
    const { openStreams, boardId, userId } = this.#options;
    if (this.#isExcused || this.#excuses(frame)) return;
    const wasOpen = this.isOpen;
    this.#rules.heard(frame);
    const { streamId } = this.#rules;
    if (!wasOpen && streamId !== undefined) openStreams.opened(streamId, boardId, userId);
    if (frame.event === 'close') this.#closed(frame, node);
    else if (this.#ended) this.#judge(this.#ended, frame, node);
  }

  #closed({ data }: Frame, node: SoakNode): void {
    const { judge, figures } = this.#options;
    if (JSON.parse(data).reason !== 'revoked' || this.#isRevoked) return;
    this.#isRevoked = true;
    figures.count('ended streams', 'revoked');
    if (this.#ended) judge.closed(this.#ended, performance.now() - (this.#ended.endedAt ?? 0), node);
  }

  #judge(ground: Ground, { event, id }: Frame, node: SoakNode): void {
    const { judge, violations } = this.#options;
    if (!judge.isOverdue(ground, node)) return;
    const seconds = (performance.now() - (ground.endedAt ?? 0)) / 1000;
    const detail = `${this.describe()}: ${event} ${id ?? ''} ${seconds.toFixed(1)} s after the end of the ${ground.kind}`;
    violations.add('after access has ended nothing is sent', detail);
  }

  /** To a stream that skips a part of the log the server looks up again whether its user is a member: now, not then. */
  #excuses({ event }: Frame): boolean {
    const isBack = this.access.grounds.some(({ kind, isReplaced }) => kind === 'membership' && isReplaced);
    if (event !== 'reset' || !isBack) return false;
    this.#isExcused = true;
    this.#connection?.leave(false);
    return true;
  }
}
