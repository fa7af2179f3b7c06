// A stream that a guest holds by one access: it comes back to any node until that has ended, and must end then.

import { setTimeout as delay } from 'node:timers/promises';
import type { Figures } from '../figures.ts';
import type { Random } from '../random.ts';
import { ManyBoards } from '../readers/many-boards.ts';
import { Notes } from '../readers/notes.ts';
import { OneBoard } from '../readers/one-board.ts';
import { StreamConnection } from '../readers/stream-connection.ts';
import type { Frame } from '../readers/stream-frame.ts';
import type { Subscription, SubscriptionOptions } from '../readers/subscription.ts';
import type { AccessJudge } from '../rules/access-judge.ts';
import type { Violations } from '../violations.ts';
import type { SoakNode } from '../world/soak-node.ts';
import type { Access, Ground } from './grounds.ts';

const SILENCE_MS = 8000;
/** Where the membership of one board has ended, the stream of the others goes on: by then a heartbeat has come. */
const GOES_ON_MS = 5000;

export interface GuestStreamOptions
  extends Pick<SubscriptionOptions, 'name' | 'userId' | 'record' | 'auditor' | 'ledger' | 'openStreams'> {
  /** The board that the guest is thrown out of. */
  boardId: string;
  /** Boards that the guest keeps. */
  keptBoardIds: string[];
  access: Access;
  /** Where an earlier stream of the guest has ended. */
  cursor: string | undefined;
  nodes: SoakNode[];
  random: Random;
  judge: AccessJudge;
  violations: Violations;
  figures: Figures;
}

export class GuestStream {
  readonly access: Access;
  readonly #options: GuestStreamOptions;
  readonly #subscription: Subscription;
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
    const { boardId, keptBoardIds, access, cursor } = options;
    const mayBeRevoked = (id: string) =>
      access.grounds.some(({ kind, endingAt }) => endingAt !== undefined && (kind !== 'membership' || id === boardId));
    const more = { wantsSnapshot: false, borrowCursor: () => undefined, onChanged: () => {}, notes: new Notes() };
    const common = { ...options, ...more, mayBeRevoked, boardId, cursor };
    this.#subscription =
      access.kind === 'one'
        ? new OneBoard(common)
        : new ManyBoards({ ...common, others: keptBoardIds, most: keptBoardIds.length + 1 });
  }

  get cursor(): string | undefined {
    return this.#subscription.home.cursor;
  }

  /** The last event of its board that it was told, or has skipped. */
  get seq(): number {
    return this.#subscription.home.seq;
  }

  get isExcused(): boolean {
    return this.#isExcused;
  }

  get isOpen(): boolean {
    return this.#subscription.home.streamId !== undefined;
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
    return `${this.#subscription.describe()}, by ${this.access.by} (${grounds})`;
  }

  async #run(): Promise<void> {
    const { nodes, random } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted && !this.#ended && !this.#isRevoked) {
      await this.#connect(random.pick(nodes));
      if (!this.#ended) await delay(random.between(100, 1000), undefined, { signal }).catch(() => {});
    }
  }

  async #connect(node: SoakNode): Promise<void> {
    const { figures, violations, access } = this.#options;
    this.#node = node;
    this.#connection = new StreamConnection({
      port: node.port,
      ...this.#subscription.connect({}, `node ${node.index}`),
      silenceMs: SILENCE_MS,
      onRetry: () => {},
      onFrame: (frame) => this.#heard(frame, node),
    });
    const { status, reason } = await this.#connection.ended;
    this.#connection = undefined;
    const wasOpen = this.isOpen;
    this.#subscription.disconnected();
    if (wasOpen && this.#ended && !this.#isRevoked) {
      figures.count('ended streams', this.#subscription.isClosed ? 'closed for another reason' : 'cut before');
    }
    const isEnding = access.grounds.some(({ endingAt }) => endingAt !== undefined);
    if (status !== undefined && status !== 200 && !isEnding) {
      violations.add('a stream that may come back gets 200', `${this.describe()}: ${status} ${reason}`);
    }
  }

  #heard(frame: Frame, node: SoakNode): void {
    if (this.#isExcused || this.#excuses(frame)) return;
    const heard = this.#subscription.heard(frame);
    const isOfBoard = heard.includes(this.#subscription.home);
    if (frame.event === 'close' && isOfBoard) this.#closed(frame, node);
    else if (this.#ended && (isOfBoard || this.#ended.kind !== 'membership')) this.#judge(this.#ended, frame, node);
  }

  #closed({ data }: Frame, node: SoakNode): void {
    const { judge, figures, access } = this.#options;
    if (JSON.parse(data).reason !== 'revoked' || this.#isRevoked) return;
    this.#isRevoked = true;
    figures.count('ended streams', `revoked, ${access.kind}`);
    if (this.#ended) judge.closed(this.#ended, performance.now() - (this.#ended.endedAt ?? 0), node);
    if (!this.#subscription.isClosed) void this.#goOn();
  }

  /** Without the board that was closed, for as long as it takes to be told of another one. */
  async #goOn(): Promise<void> {
    const connection = this.#connection;
    await delay(GOES_ON_MS, undefined, { signal: this.#stopping.signal }).catch(() => {});
    this.#options.figures.count('ended streams', this.#connection ? 'went on with the rest' : 'ended soon after');
    connection?.leave(false);
  }

  #judge(ground: Ground, { event, id }: Frame, node: SoakNode): void {
    const { judge, violations } = this.#options;
    if (!judge.isOverdue(ground, node)) return;
    const seconds = (performance.now() - (ground.endedAt ?? 0)) / 1000;
    const detail = `${this.describe()}: ${event} ${id ?? ''} ${seconds.toFixed(1)} s after the end of the ${ground.kind}`;
    violations.add('after access has ended nothing is sent', detail);
  }

  /** To a stream that skips a part of the log the server looks up again whether its user is a member: now, not then. */
  #excuses({ event, data }: Frame): boolean {
    const isBack = this.access.grounds.some(({ kind, isReplaced }) => kind === 'membership' && isReplaced);
    if (event !== 'reset' || !isBack || JSON.parse(data).boardId !== this.#options.boardId) return false;
    this.#isExcused = true;
    this.#connection?.leave(false);
    return true;
  }
}
