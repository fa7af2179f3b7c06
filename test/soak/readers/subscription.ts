// What a reader follows: how it asks for it, and who judges what comes.

import type { Figures } from '../figures.ts';
import type { Random } from '../random.ts';
import type { Auditor } from '../rules/auditor.ts';
import type { EventRecord } from '../rules/event-record.ts';
import type { Ledger } from '../rules/ledger.ts';
import type { StreamRules } from '../rules/stream-rules.ts';
import type { Violations } from '../violations.ts';
import type { Notes } from './notes.ts';
import type { OpenStreams } from './open-streams.ts';
import type { ConnectionPlan } from './reader-kinds.ts';
import type { Frame } from './stream-frame.ts';
import type { StreamKind } from './stream-kind.ts';

export const STREAM = 'text/event-stream';

export interface SubscriptionOptions {
  /** Who reads, for those who read of it. */
  name: string;
  userId: string;
  access: { headers: Record<string, string>; ticket?: string };
  wantsSnapshot: boolean;
  /** A cursor of somebody who reads another board than this one, once there is one. */
  borrowCursor: (boardId: string) => string | undefined;
  /** Whether the access to the board may have ended. Default: it never does. */
  mayBeRevoked?: (boardId: string) => boolean;
  onChanged: (boardId: string, mutationId: string | undefined) => void;
  random: Random;
  record: EventRecord;
  auditor: Pick<Auditor, 'claimTrimmed' | 'claimGap' | 'claimLost'>;
  ledger: Ledger;
  openStreams: OpenStreams;
  violations: Violations;
  notes: Notes;
  figures: Figures;
}

export interface StreamRequest {
  path: string;
  headers: Record<string, string>;
}

export interface Subscription {
  readonly kind: StreamKind;
  /** Of the stream that is open. */
  readonly streamId: string | undefined;
  /** True when nothing may follow. */
  readonly isClosed: boolean;
  /** The judge of the board that it always has. */
  readonly home: StreamRules;
  /** Those of all boards that it has now. */
  readonly boards: readonly StreamRules[];
  /** @param where the node and the way to it, for the record. @returns what to ask for next */
  connect(plan: ConnectionPlan, where: string): StreamRequest;
  /** @returns the boards that the frame is about */
  heard(frame: Frame): readonly StreamRules[];
  /** The connection has gone. */
  disconnected(): void;
  describe(): string;
}

/** How often an id is written in capitals. */
const IN_CAPITALS = 0.15;

export function spelled(boardId: string, random: Random): string {
  return random.chance(IN_CAPITALS) ? boardId.toUpperCase() : boardId;
}
