// The course of a run: everyone begins, the faults come and go, all becomes calm, and is checked.

import { setTimeout as delay } from 'node:timers/promises';
import type { Teardown } from '../helpers/teardown.ts';
import { gatherCrowd } from './crowd.ts';
import { askEpoch, createDeeds } from './faults/fault-deeds.ts';
import { FaultHistory, Faults } from './faults/faults.ts';
import { drawSchedule } from './faults/schedule.ts';
import { Figures } from './figures.ts';
import { showProgress } from './progress.ts';
import { Random } from './random.ts';
import { printReport, printSchedule, printVerdict, progressLine, type ReportOptions } from './report.ts';
import {
  checkBoards,
  checkLogs,
  checkMemory,
  checkNodesAreUp,
  checkPresence,
  checkReadersCatchUp,
} from './rules/checks.ts';
import { EventRecord } from './rules/event-record.ts';
import { Ledger } from './rules/ledger.ts';
import { Violations } from './violations.ts';
import { startCluster } from './world/cluster.ts';

const SAMPLE_MS = 1000;
/** How long a write may go on being repeated when all is well again. */
const LAST_WRITES_MS = 30_000;

export interface SoakOptions {
  minutes: number;
  nodeCount: number;
  seed: number;
  /** Where the nodes' logs go. */
  folder: string;
}

/** @returns true when everything held */
export async function runSoak(t: Teardown, options: SoakOptions, signal: AbortSignal): Promise<boolean> {
  const { minutes, nodeCount, seed, folder } = options;
  const random = new Random(seed);
  const schedule = drawSchedule(random, minutes, nodeCount);
  printSchedule(seed, schedule);
  const history = new FaultHistory();
  const violations = new Violations(() => history.recent);
  const figures = new Figures(() => history.recent.length === 0);
  const ledger = new Ledger(violations);
  const record = new EventRecord(violations);
  const cannotStart = () => history.isRecent('postgres') || history.isRecent('listener');
  const cluster = await startCluster(t, { nodeCount, folder, violations, cannotStart });
  const { nodes, postgres } = cluster;
  const crowd = await gatherCrowd(t, { cluster, random: random.fork(1), record, ledger, figures, violations, history });
  record.epochs.begin(await askEpoch(postgres.url), Date.now());
  const reported: ReportOptions = { seed, startedAt: performance.now(), nodes, crowd, ledger, figures, violations };
  const deeds = createDeeds({
    ...cluster,
    epochs: record.epochs,
    busyBoardId: crowd.boards[0]?.id ?? '',
    figures,
    cookie: crowd.boards[0]?.ownerCookie ?? '',
  });
  const { readers } = crowd;
  const faults = new Faults({ schedule, nodes, readers, deeds, figures, violations }, history);
  await begin(t, reported, () => history.active);
  await Promise.all([faults.run(signal), delay(minutes * 60_000, undefined, { signal }).catch(() => {})]);
  if (signal.aborted) return false;
  const catchUpMs = await settleAndCheck(reported);
  printReport(reported, catchUpMs);
  printVerdict(reported, folder);
  return violations.total === 0;
}

async function begin(t: Teardown, reported: ReportOptions, activeFaults: () => string[]): Promise<void> {
  const { crowd, nodes } = reported;
  const { auditor, presence, readers, writers, guests, broadcasters, revisitors } = crowd;
  await presence.start();
  t.teardown(() => presence.stop());
  auditor.start();
  const users = [...readers, ...writers, ...guests, ...broadcasters, ...revisitors];
  for (const each of users) each.start();
  // Whoever has not come to an end by then has something to say, which nobody hears any more.
  const everyone = [...users, auditor];
  t.teardown(() => Promise.race([Promise.all(everyone.map((each) => each.stop())), delay(2000)]));
  const sampling = setInterval(() => {
    for (const node of nodes) void node.sampleMemory();
  }, SAMPLE_MS);
  t.teardown(() => clearInterval(sampling));
  t.teardown(showProgress(() => progressLine(reported, activeFaults())));
}

/** @returns how long the readers took to catch up, in milliseconds */
async function settleAndCheck({ crowd, nodes, ledger, figures, violations }: ReportOptions): Promise<number> {
  const { auditor, presence, openStreams, readers, writers, guests, broadcasters, revisitors } = crowd;
  const { proxies, boards } = crowd;
  await checkNodesAreUp(nodes, violations);
  const active = [...writers, ...guests];
  const answered = Promise.all([...active, ...broadcasters, ...revisitors].map((each) => each.stop())).then(() => true);
  if (!(await Promise.race([answered, delay(LAST_WRITES_MS, false)]))) {
    violations.add('every write is answered in the end', active.map((each) => each.describe()).join('; '));
  }
  await auditor.stop();
  await auditor.readToEnd();
  for (const guest of guests) guest.checkRemovals(auditor);
  for (const reader of readers) reader.calm();
  const catchUpMs = await checkReadersCatchUp(readers, auditor, violations);
  for (const proxy of proxies.swallowing) proxy.dropGhosts();
  await presence.compare();
  await checkPresence(readers, openStreams, violations);
  await auditor.readToEnd();
  auditor.judgeGaps();
  ledger.close();
  const [node] = nodes;
  if (node) await checkBoards(boards, node, auditor, violations);
  await checkLogs(nodes, figures, violations);
  checkMemory(nodes, violations);
  return catchUpMs;
}
