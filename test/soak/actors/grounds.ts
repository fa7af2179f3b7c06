// What the streams of a guest hang on. Each ground ends once; what comes in its place is another one.

import type { StreamKind } from '../readers/stream-kind.ts';

export type GroundKind = 'session' | 'token' | 'membership';

export class Ground {
  readonly kind: GroundKind;
  /** From then on it may have ended: somebody has asked for it. By performance.now(), as the others. */
  endingAt: number | undefined;
  /** When its end was acknowledged. */
  endedAt: number | undefined;
  /** Another of its kind was asked for, so that the same request may be good again. */
  isReplaced = false;

  constructor(kind: GroundKind) {
    this.kind = kind;
  }
}

/** A ground, and what proves it. */
export interface Session extends Ground {
  cookie: string;
}

export interface Token extends Ground {
  id: string;
  secret: string;
}

export interface Membership extends Ground {
  /** How often the guest was removed before. */
  removals: number;
}

/** By what a stream is opened. */
export interface Access {
  kind: StreamKind;
  by: 'cookie' | 'token' | 'ticket';
  grounds: readonly Ground[];
  headers: Record<string, string>;
  ticket?: string;
}

/** @returns the answer to whoever tries to open a stream by it after the ground has ended */
export function refusalOf({ by, kind: of }: Access, { kind }: Ground): number {
  // A stream of many boards refuses one of them, and opens.
  if (kind === 'membership' && of === 'many') return 404;
  // A ticket goes with the membership; a session says as good as before who is calling.
  return kind === 'membership' && by !== 'ticket' ? 404 : 401;
}
