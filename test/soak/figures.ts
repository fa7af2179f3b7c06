// What is counted and measured while the soak runs.

import { Recovery } from './faults/recovery.ts';
import type { StreamKind } from './readers/stream-kind.ts';
import type { Mutation } from './rules/ledger.ts';

export interface Percentiles {
  p50: number;
  p99: number;
  max: number;
}

type Group =
  | 'resets'
  | 'closes'
  | 'faults'
  | 'ends'
  | 'logged ends'
  | 'ended access'
  | 'ended streams'
  | 'refusals'
  | 'broadcasts'
  | 'own'
  | 'hostile rows'
  | 'pipelines'
  | 'reopened boards'
  | 'requests while draining';

/** @returns undefined when there is nothing to take them of */
export function percentiles(values: readonly number[]): Percentiles | undefined {
  if (values.length === 0) return undefined;
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

export class Figures {
  readonly recovery = new Recovery();
  /** From the answer to a write until a fast reader has it, in milliseconds; 0 when the reader was first. */
  readonly latencies: Record<StreamKind, number[]> = { one: [], many: [] };
  /** Of these, those while nothing was broken, nor had been shortly before. */
  readonly calmLatencies: Record<StreamKind, number[]> = { one: [], many: [] };
  /** From the end of an access, when it was acknowledged, until a stream of it was closed, in milliseconds. */
  readonly accessEnds: number[] = [];
  /** Of these, those while nothing was broken, nor had been shortly before. */
  readonly calmAccessEnds: number[] = [];
  readonly frames: Record<StreamKind, number> = { one: 0, many: 0 };
  /** Boards that a stream of many has named, one for each connection. */
  readonly boardsNamed: number[] = [];
  /** Of the cursors of many boards: how much of what is allowed the longest takes. */
  longestVector = 0;
  broadcastsTold = 0;
  /** Between two that a connection was told. */
  broadcastsMissed = 0;
  readonly connections: Record<StreamKind, number> = { one: 0, many: 0 };
  readonly #counts = new Map<Group, Map<string, number>>();
  readonly #isCalm: () => boolean;

  constructor(isCalm: () => boolean) {
    this.#isCalm = isCalm;
  }

  count(group: Group, name: string): void {
    const counts = this.#counts.get(group) ?? new Map<string, number>();
    this.#counts.set(group, counts.set(name, (counts.get(name) ?? 0) + 1));
  }

  counts(group: Group): ReadonlyMap<string, number> {
    return this.#counts.get(group) ?? new Map();
  }

  /** A fast reader got an event of this write. */
  delivered(kind: StreamKind, mutation: Mutation): void {
    const now = performance.now();
    const latency = now - (mutation.acknowledgedAt ?? now);
    this.latencies[kind].push(latency);
    if (this.#isCalm()) this.calmLatencies[kind].push(latency);
  }
}
