// What a stream may go on by: its hold on the grant that its request came with.

import type { Claims } from './claims.ts';

/** `busy`: nobody can tell any more whether it still holds, and coming back makes sense. */
export type AccessEnd = 'revoked' | 'expired' | 'busy';

export interface AccessOptions {
  /** Of the grant. */
  claims: Claims | undefined;
  confirm: () => Promise<void>;
  release: () => void;
}

/** One stream's hold on its grant. Begins before the stream, so that an end on the way is missed by nobody (E6). */
export class Access {
  /**
   * Looks once more whether the grant still holds, and sets {@link ended} when it does not.
   *
   * @throws the error of the database when it is away
   */
  readonly confirm: () => Promise<void>;
  /** Call when the stream has ended, or did not come about. */
  readonly release: () => void;
  #ended: AccessEnd | undefined;
  #tell: ((reason: AccessEnd) => void) | undefined;
  #claims: Claims | undefined;
  #tellClaims: (() => void) | undefined;

  constructor({ claims, confirm, release }: AccessOptions) {
    this.#claims = claims;
    this.confirm = confirm;
    this.release = release;
  }

  /** Why the grant holds no more; undefined while it does. */
  get ended(): AccessEnd | undefined {
    return this.#ended;
  }

  /** @param tell is called once; at once, when the grant has ended */
  onEnd(tell: (reason: AccessEnd) => void): void {
    this.#tell = tell;
    if (this.#ended) tell(this.#ended);
  }

  /** The boards that the grant lets in to, now. */
  get claims(): Claims | undefined {
    return this.#claims;
  }

  /** @param tell is called whenever {@link claims} has become another */
  onClaims(tell: () => void): void {
    this.#tellClaims = tell;
  }

  reclaim(claims: Claims | undefined): void {
    this.#claims = claims;
    this.#tellClaims?.();
  }

  end(reason: AccessEnd): void {
    if (this.#ended) return;
    this.#ended = reason;
    this.#tell?.(reason);
  }
}
