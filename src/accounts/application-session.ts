// What the application says of one credential: asked when somebody comes with it, and again while streams hang on it.

import type { AccessEnd } from '../access/access.ts';
import type { Claims } from '../access/claims.ts';
import type { Holder } from '../access/grant.ts';
import { Problem } from '../problems/problem.ts';
import type { ApplicationUser } from './ask-application.ts';

/** After a question that long is not asked again, as nowhere else (`background/recent-answers.ts`). */
const BELIEVED_MS = 800;
/** Those who came together are not all asked about together for ever. */
const RECHECK_SPREAD = 0.2;

export interface ApplicationSessionOptions {
  /** @throws what may be: the application is away */
  ask: () => Promise<ApplicationUser | undefined>;
  recheckMs: number;
  graceMs: number;
  /** After a question that failed. */
  retryMs: number;
}

interface Answer {
  user: ApplicationUser | undefined;
  /** On the clock of `performance.now()`: that of the wall may be set. */
  askedAt: number;
}

export class ApplicationSession {
  readonly #options: ApplicationSessionOptions;
  /** With what each was told of its user. */
  readonly #holds = new Map<Holder, { subject: string; claims: Claims | undefined }>();
  #answer: Answer | undefined;
  #asking: Promise<void> | undefined;
  /** When streams that hang on it want to know more. */
  #dueAt = Infinity;
  /** Of the last question; undefined when that was answered. */
  #failedAt: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ApplicationSessionOptions) {
    this.#options = options;
  }

  /** Whether somebody has come by it already. */
  get isKnown(): boolean {
    return this.#answer?.user !== undefined;
  }

  /**
   * @returns undefined for nobody
   * @throws Problem TB_UNAVAILABLE while the application is away, unless it has known them not long ago
   */
  async find(): Promise<ApplicationUser | undefined> {
    const now = performance.now();
    const isRecent = this.#answer !== undefined && now - this.#answer.askedAt < BELIEVED_MS;
    const hasFailed = this.#failedAt !== undefined && now - this.#failedAt < this.#options.retryMs;
    if (!isRecent && !hasFailed) await this.#askOnce();
    if (this.#failedAt === undefined) return this.#answer?.user;
    const user = this.#answer?.user;
    if (!user || this.#endOf(user.subject)) throw applicationAway(this.#options.retryMs);
    return user;
  }

  /** See `Grant.hold`. @param user as whom the caller was let in */
  hold({ subject, claims }: Pick<ApplicationUser, 'subject' | 'claims'>, holder: Holder): () => void {
    this.#holds.set(holder, { subject, claims });
    // The stream may hang on an answer from before somebody signed out there, a moment ago.
    this.#dueAt = Math.min(this.#dueAt, performance.now() + BELIEVED_MS);
    this.#look();
    return () => {
      this.#holds.delete(holder);
      if (this.#holds.size === 0) clearTimeout(this.#timer);
    };
  }

  #askOnce(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(): Promise<void> {
    const askedAt = performance.now();
    this.#dueAt = Infinity;
    try {
      this.#answer = { user: await this.#options.ask(), askedAt };
      this.#failedAt = undefined;
    } catch {
      // Told in the log by who asks.
      this.#failedAt = performance.now();
    }
    this.#dueAt = Math.min(this.#dueAt, askedAt + this.#recheckMs());
    this.#look();
  }

  /** Tells of what has ended, or lets in to other boards now, and looks again when something may. */
  #look(): void {
    for (const [holder, held] of [...this.#holds]) {
      const reason = this.#endOf(held.subject);
      if (reason) {
        this.#holds.delete(holder);
        holder.end(reason);
      } else {
        this.#reclaim(holder, held);
      }
    }
    clearTimeout(this.#timer);
    if (this.#holds.size === 0) return;
    const wait = Math.min(this.#dueAt, this.#endsAt(), this.#graceEndsAt()) - performance.now();
    this.#timer = setTimeout(
      () => {
        if (performance.now() >= this.#dueAt) void this.#askOnce();
        this.#look();
      },
      Math.max(1, Math.ceil(wait)),
    ).unref();
  }

  #reclaim(holder: Holder, held: { claims: Claims | undefined }): void {
    const claims = this.#answer?.user?.claims;
    if (claims?.digest === held.claims?.digest) return;
    held.claims = claims;
    holder.reclaim(claims);
  }

  #endOf(subject: string): AccessEnd | undefined {
    const now = performance.now();
    if (this.#answer?.user?.subject !== subject) return 'revoked';
    if (now >= this.#endsAt()) return 'expired';
    return now >= this.#graceEndsAt() ? 'busy' : undefined;
  }

  #endsAt(): number {
    return (this.#answer?.askedAt ?? 0) + (this.#answer?.user?.endsInMs ?? Infinity);
  }

  /** The last answer was good until the next question, and since then nobody could tell. */
  #graceEndsAt(): number {
    if (this.#failedAt === undefined) return Infinity;
    return (this.#answer?.askedAt ?? 0) + this.#options.recheckMs + this.#options.graceMs;
  }

  /** Of what ends soon, early enough to hear that it does not. */
  #recheckMs(): number {
    const spread = this.#options.recheckMs * (1 - RECHECK_SPREAD * Math.random());
    return Math.max(BELIEVED_MS, Math.min(spread, (this.#answer?.user?.endsInMs ?? Infinity) / 2));
  }
}

/** Never a 401, which would end an EventSource for good. */
function applicationAway(retryMs: number): Problem {
  const detail = 'The application that says who is calling does not answer. Try again in a moment.';
  const retryAfter = `${Math.ceil(retryMs / 1000)}`;
  return new Problem('TB_UNAVAILABLE', detail, { headers: { 'retry-after': retryAfter }, isLogged: true });
}
