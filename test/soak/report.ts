// What people read: the schedule, a line while it runs, and at the end the figures and the verdict.

import type { Crowd } from './crowd.ts';
import { promisedMs } from './faults/recovery.ts';
import type { FaultKind, PlannedFault } from './faults/schedule.ts';
import { type Figures, percentiles } from './figures.ts';
import { PROMISED_END_MS } from './rules/access-judge.ts';
import { MEMORY_BOUND_MIB } from './rules/checks.ts';
import type { Ledger } from './rules/ledger.ts';
import type { Violations } from './violations.ts';
import type { SoakNode } from './world/soak-node.ts';

export interface ReportOptions {
  seed: number;
  startedAt: number;
  nodes: SoakNode[];
  crowd: Crowd;
  ledger: Ledger;
  figures: Figures;
  violations: Violations;
}

const LABEL = 38;

export function printSchedule(seed: number, schedule: PlannedFault[]): void {
  console.log(`Seed ${seed}, ${schedule.length} faults:`);
  for (const { atMs, kind, layer, node, holdMs } of schedule) {
    const where = layer === 'node' || layer === 'listener' ? `, node ${node}` : '';
    const long = holdMs > 0 ? `, for ${(holdMs / 1000).toFixed(1)} s` : '';
    console.log(`  ${(atMs / 1000).toFixed(0).padStart(4)} s  ${kind}${where}${long}`);
  }
}

export function progressLine(
  { startedAt, crowd, ledger, figures, nodes, violations }: ReportOptions,
  active: string[],
) {
  const { acknowledged, retries } = ledger.counts;
  const rss = nodes.map(({ peakMiB }) => Math.round(peakMiB)).join('/');
  const parts = [
    `${Math.round((performance.now() - startedAt) / 1000)} s`,
    `${acknowledged} writes (${retries} repeated)`,
    `${figures.frames.one + figures.frames.many} frames`,
    `${crowd.openStreams.size} streams`,
    `${figures.connections.one + figures.connections.many} connections`,
    `${rss} MiB`,
    `${violations.total} violations`,
    active.length > 0 ? `now: ${active.join(', ')}` : 'all well',
  ];
  return parts.join(' · ');
}

export function printReport(options: ReportOptions, catchUpMs: number): void {
  const { crowd, ledger, figures, nodes } = options;
  const { counts } = ledger;
  const open = [...ledger].filter(({ outcome }) => outcome === 'open').length;
  const { joins, leaves, resyncs } = crowd.presence.counts;
  console.log('');
  row('writes acknowledged', `${counts.acknowledged}, ${counts.events} events`);
  row('refused, unknown, repeated', `${counts.refused}, ${open}, ${counts.retries} (503: ${counts.unavailable})`);
  row('answers that were replays', `${counts.replayed}`);
  printByKind(options);
  for (const [group, what] of [
    ['resets', 'resets'],
    ['closes', 'closes'],
    ['ends', 'ends of connections'],
    ['logged ends', '  as the nodes have logged them'],
  ] as const) {
    row(what, list(figures.counts(group)));
  }
  row('own changes on their own stream', list(figures.counts('own')));
  printAccess(figures);
  row('joins, leaves, resyncs', `${joins}, ${leaves}, ${resyncs}`);
  row(
    'memory of the nodes, peak',
    `${nodes.map(({ peakMiB }) => Math.round(peakMiB)).join(', ')} MiB (bound ${MEMORY_BOUND_MIB})`,
  );
  row('all caught up after the end', `${(catchUpMs / 1000).toFixed(1)} s`);
  printRecovery(figures);
}

/** Beside each other: the streams of one board, and those of many. */
function printByKind({ crowd, figures }: ReportOptions): void {
  for (const kind of ['one', 'many'] as const) {
    const readers = crowd.readers.filter(({ subscription }) => subscription.kind === kind).length;
    row(`streams of ${kind}: readers, connections`, `${readers}, ${figures.connections[kind]}`);
    row('  events delivered', `${figures.frames[kind]}`);
    row('  answer to fast reader, ms', milliseconds(figures.latencies[kind]));
    row('  while nothing was broken', milliseconds(figures.calmLatencies[kind]));
  }
  row('  boards that were named', milliseconds(figures.boardsNamed));
  row('  longest cursor, of what it may be', `${(100 * figures.longestVector).toFixed(0)} %`);
}

/** What ended, what became of its streams, and what was broadcast beside it. */
function printAccess(figures: Figures): void {
  row('access ended', list(figures.counts('ended access')));
  row('  streams of it', list(figures.counts('ended streams')));
  row('  tried again', list(figures.counts('refusals')));
  row('  end to `close`, ms', milliseconds(figures.accessEnds));
  const isLate = figures.calmAccessEnds.some((ms) => ms > PROMISED_END_MS);
  const promised = `< ${PROMISED_END_MS}${isLate ? ', LATE' : ''}`;
  row('  while nothing was broken', `${milliseconds(figures.calmAccessEnds)} (promised ${promised})`);
  row('rows that the API would refuse', list(figures.counts('hostile rows')));
  row('streams with requests behind them', list(figures.counts('pipelines')));
  row('boards that were opened again', list(figures.counts('reopened boards')));
  row('requests while a node drained', list(figures.counts('requests while draining')));
  row('broadcasts, by their answers', list(figures.counts('broadcasts')));
  row('  told, missed in between', `${figures.broadcastsTold}, ${figures.broadcastsMissed}`);
}

/** Counts, and how long it took until the fast readers got what was written after a fault, or after its end. */
function printRecovery(figures: Figures): void {
  const { recovery } = figures;
  console.log(`\n  ${'fault'.padEnd(LABEL)}count   delivered again, s: median, max (alone: max; promised)`);
  for (const [name, count] of [...figures.counts('faults')].sort()) {
    const kind = name as FaultKind;
    const [all, alone] = [percentiles(recovery.times(kind)), percentiles(recovery.timesAlone(kind))];
    const promised = promisedMs[kind];
    const isLate = promised !== undefined && alone !== undefined && alone.max > promised;
    const extra = [
      ...(alone ? [seconds(alone.max)] : []),
      ...(promised === undefined ? [] : [`< ${seconds(promised)}${isLate ? ', LATE' : ''}`]),
    ];
    const times = all
      ? `${seconds(all.p50)}, ${seconds(all.max)}${extra.length > 0 ? ` (${extra.join('; ')})` : ''}`
      : '';
    console.log(`  ${name.padEnd(LABEL)}${String(count).padStart(5)}   ${times}`);
  }
}

/** The last line is the verdict. */
export function printVerdict({ seed, violations }: ReportOptions, folder: string): void {
  if (violations.total === 0) {
    console.log(`\nHOLDS: no violation (seed ${seed}).`);
    return;
  }
  console.log('\nViolations:');
  for (const [rule, count] of violations.counts) console.log(`  ${String(count).padStart(5)}  ${rule}`);
  for (const { seconds: at, rule, detail, faults, before } of violations.first) {
    console.log(`\n${at.toFixed(1)} s  ${rule}\n  ${detail}\n  faults: ${faults.join(', ') || 'none'}`);
    for (const line of before) console.log(`    ${line}`);
  }
  console.log(`\nThe logs are in ${folder}.\nFAILED: ${violations.total} violations, seed ${seed}.`);
}

function row(label: string, value: string): void {
  console.log(`  ${label.padEnd(LABEL)}${value}`);
}

function list(counts: ReadonlyMap<string, number>): string {
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  return sorted.map(([name, count]) => `${name} ${count}`).join(', ') || 'none';
}

function milliseconds(values: readonly number[]): string {
  const found = percentiles(values);
  return found ? `p50 ${found.p50.toFixed(1)}, p99 ${found.p99.toFixed(0)}, max ${found.max.toFixed(0)}` : 'none';
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}
