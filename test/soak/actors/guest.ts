// A user whose access ends again and again, one ground at a time, and who comes back by another one.

import { setTimeout as delay } from 'node:timers/promises';
import { streamKinds } from '../readers/stream-kind.ts';
import type { Auditor } from '../rules/auditor.ts';
import type { Access, Ground, GroundKind, Membership, Session, Token } from './grounds.ts';
import { GuestAccount, type GuestAccountOptions, type Way } from './guest-account.ts';
import { GuestStream, type GuestStreamOptions } from './guest-stream.ts';
import { proveRefused } from './refusal-probe.ts';

/** By then each stream must have ended, when all is well. */
const LAST_STREAMS_MS = 20_000;
const kinds: GroundKind[] = ['session', 'token', 'membership'];

export type GuestOptions = GuestAccountOptions & Omit<GuestStreamOptions, 'boardId' | 'userId' | 'access' | 'cursor'>;

interface Grounds {
  session: Session;
  token: Token;
  membership: Membership;
}

export class Guest {
  readonly #options: GuestOptions;
  readonly #account: GuestAccount;
  #grounds: Grounds | undefined;
  #streams: GuestStream[] = [];
  /** Those whose access has ended and that have not. */
  readonly #ending = new Set<GuestStream>();
  /** Those that were open by a membership that has ended. */
  readonly #ofRemoved: Array<{ stream: GuestStream; membership: Membership }> = [];
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: GuestOptions) {
    this.#options = options;
    this.#account = new GuestAccount(options);
  }

  /** Makes the account, while all is well. */
  async prepare(): Promise<void> {
    await this.#account.signUp();
    await this.#account.joinKept();
    const session = await this.#account.signIn();
    const token = await this.#account.createToken(session);
    this.#grounds = { session, token, membership: await this.#account.join('SQL') };
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when nothing more ends, and all streams have gone that had to. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    const deadline = performance.now() + LAST_STREAMS_MS;
    while (this.#ending.size > 0 && performance.now() < deadline) await delay(50);
    for (const stream of this.#ending) {
      this.#options.violations.add('after access has ended the stream ends', stream.describe());
    }
    await Promise.all([...this.#streams, ...this.#ending].map((stream) => stream.stop()));
  }

  /** Call when the auditor has read all: a removal is the last event that the removed have seen (E6). */
  checkRemovals(auditor: Auditor): void {
    const { violations, board } = this.#options;
    const removals = auditor.removalsOf(board.id, this.#account.userId);
    for (const { stream, membership } of this.#ofRemoved) {
      const removedAt = removals[membership.removals];
      if (removedAt === undefined) violations.add('a removal is in the log', stream.describe());
      else if (!stream.isExcused && stream.seq > removedAt) {
        violations.add('nothing later than the removal is seen', `${stream.describe()}, removed at ${removedAt}`);
      }
    }
  }

  describe(): string {
    return this.#options.name;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    const { random } = this.#options;
    await this.#open(['session', 'token']);
    while (!signal.aborted) {
      await delay(random.between(1500, 7000), undefined, { signal }).catch(() => {});
      if (!signal.aborted) await this.#turn(random.pick(kinds));
    }
  }

  /** One after the other, so that what has ended is surely refused until it is there again. */
  async #turn(kind: GroundKind): Promise<void> {
    const { random, figures } = this.#options;
    const ground = this.#ground(kind);
    const way: Way = random.chance(0.5) ? 'REST' : 'SQL';
    ground.endingAt = performance.now();
    await this.#end(kind, way);
    ground.endedAt = performance.now();
    figures.count('ended access', `${kind} by ${way}`);
    const concerned = this.#streams.filter(({ access }) => access.grounds.includes(ground));
    this.#streams = this.#streams.filter((stream) => !concerned.includes(stream));
    for (const stream of concerned) this.#endStream(stream, ground);
    if (kind === 'membership') this.#rememberRemoved(this.#all.membership);
    const { name, board, ...rest } = this.#options;
    const probe = { ...rest, name, boardId: board.id };
    await Promise.all(concerned.map(({ access }) => proveRefused(probe, access, ground)));
    await this.#replace(kind);
    await this.#open(kind === 'membership' ? ['session', 'token'] : [kind], concerned);
  }

  #endStream(stream: GuestStream, ground: Ground): void {
    this.#ending.add(stream);
    void stream.endsWith(ground).then(() => this.#ending.delete(stream));
  }

  /** Those too that should have ended before, with a session, and may not have. */
  #rememberRemoved(membership: Membership): void {
    const streams = [...this.#ending].filter(({ access }) => access.grounds.includes(membership));
    this.#ofRemoved.push(...streams.map((stream) => ({ stream, membership })));
  }

  async #end(kind: GroundKind, way: Way): Promise<void> {
    const { session, token } = this.#all;
    if (kind === 'session') await this.#account.endSession(session, way);
    else if (kind === 'token') await this.#account.endToken(token, session, way);
    else await this.#account.leave(way);
  }

  async #replace(kind: GroundKind): Promise<void> {
    const { random } = this.#options;
    this.#ground(kind).isReplaced = true;
    const grounds = this.#all;
    if (kind === 'session') grounds.session = await this.#account.signIn();
    else if (kind === 'token') grounds.token = await this.#account.createToken(grounds.session);
    else grounds.membership = await this.#account.join(random.chance(0.5) ? 'REST' : 'SQL');
  }

  /** A stream by the session or token itself, and one by a ticket of it; some go on where an earlier one has ended. */
  async #open(kindsToOpen: Array<'session' | 'token'>, earlier: GuestStream[] = []): Promise<void> {
    const { random } = this.#options;
    const { session, token, membership } = this.#all;
    for (const kind of kindsToOpen) {
      const ground = kind === 'session' ? session : token;
      const headers: Record<string, string> =
        kind === 'session' ? { cookie: session.cookie } : { authorization: `Bearer ${token.secret}` };
      const grounds = [ground, membership];
      const by = kind === 'session' ? 'cookie' : 'token';
      const ticketKind = random.pick(streamKinds);
      const ticket = await this.#account.createTicket(headers, ticketKind);
      const accesses: Access[] = [
        { kind: random.pick(streamKinds), by, grounds, headers },
        { kind: ticketKind, by: 'ticket', grounds, headers: {}, ticket },
      ];
      for (const access of accesses) {
        const cursor = earlier.length > 0 && random.chance(0.5) ? random.pick(earlier).cursor : undefined;
        this.#openBy(access, cursor);
      }
    }
  }

  #openBy(access: Access, cursor: string | undefined): void {
    const { name, board } = this.#options;
    const who = { name: `${name} by ${access.by} (${access.kind})`, boardId: board.id, userId: this.#account.userId };
    const stream = new GuestStream({ ...this.#options, ...who, access, cursor });
    this.#streams.push(stream);
    stream.start();
  }

  #ground(kind: GroundKind): Ground {
    return this.#all[kind];
  }

  get #all(): Grounds {
    if (!this.#grounds) throw new Error('not prepared');
    return this.#grounds;
  }
}
