// What the judge of a reader needs, and whom it tells.

import type { Figures } from '../figures.ts';
import type { Notes } from '../readers/notes.ts';
import type { OpenStreams } from '../readers/open-streams.ts';
import type { StreamKind } from '../readers/stream-kind.ts';
import type { Violations } from '../violations.ts';
import type { Auditor } from './auditor.ts';
import type { EventRecord } from './event-record.ts';
import type { Mutation } from './ledger.ts';

export interface StreamRulesOptions {
  /** Who reads, for those who read of it. */
  name: string;
  kind: StreamKind;
  boardId: string;
  /** Who reads, for the board. */
  userId: string;
  record: EventRecord;
  auditor: Pick<Auditor, 'claimTrimmed' | 'claimGap' | 'claimLost'>;
  ledger: { find: (mutationId: string | undefined) => Mutation | undefined };
  openStreams: OpenStreams;
  violations: Violations;
  /** What came last, for the record of a violation. */
  notes: Notes;
  figures: Figures;
  onChanged: (mutationId: string | undefined) => void;
  /** Whether the access of the reader may have ended. Default: it never does. */
  mayBeRevoked?: (() => boolean) | undefined;
}
