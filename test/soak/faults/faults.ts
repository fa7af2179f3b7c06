// Carries the schedule out: each layer's faults one after the other, the layers beside each other.

import { setTimeout as delay } from 'node:timers/promises';
import type { Figures } from '../figures.ts';
import type { Reader } from '../readers/reader.ts';
import type { Violations } from '../violations.ts';
import type { SoakNode } from '../world/soak-node.ts';
import type { Concerned, Deed } from './fault-deeds.ts';
import { type FaultKind, type Layer, layers, type PlannedFault } from './schedule.ts';

/** How long after its end a fault may still explain something. */
const ECHO_MS = 12_000;
/** By then what another fault has left behind delays nobody any more. */
const AFTERMATH_MS = 6000;

export interface FaultsOptions {
  schedule: PlannedFault[];
  nodes: SoakNode[];
  readers: Reader[];
  deeds: Record<FaultKind, Deed>;
  figures: Figures;
  violations: Violations;
}

interface PastFault {
  layer: Layer;
  label: string;
  /** Of a fault that hits one node alone. */
  node: number | undefined;
  from: number;
  to: number;
}

/** What is broken on purpose, now and a while ago. */
export class FaultHistory {
  readonly #faults: PastFault[] = [];

  add(layer: Layer, label: string, node: number | undefined): PastFault {
    const fault = { layer, label, node, from: performance.now(), to: Number.POSITIVE_INFINITY };
    this.#faults.push(fault);
    return fault;
  }

  get active(): string[] {
    const now = performance.now();
    return this.#faults.filter(({ to }) => to > now).map(({ label }) => label);
  }

  /** @returns what is active or was so a few seconds ago */
  get recent(): string[] {
    const now = performance.now();
    return this.#faults
      .filter(({ to }) => now - to < ECHO_MS)
      .map(({ label, from, to }) => {
        const began = `began ${seconds(now - from)} s ago`;
        return `${label} (${to > now ? began : `${began}, ended ${seconds(now - to)} s ago`})`;
      });
  }

  isRecent(layer: Layer): boolean {
    const now = performance.now();
    return this.#faults.some((fault) => fault.layer === layer && now - fault.to < ECHO_MS);
  }

  /** @returns until when something of these layers that the node needs was broken: until now, when it still is */
  brokenUntil(of: Layer[], node: number): number {
    const concerning = this.#faults.filter((fault) => of.includes(fault.layer) && (fault.node ?? node) === node);
    return Math.min(performance.now(), Math.max(Number.NEGATIVE_INFINITY, ...concerning.map(({ to }) => to)));
  }

  /** Whether nothing that the node needs was broken from shortly before `since` until now: Redis is none. */
  wasCalm(node: number, since: number): boolean {
    return this.brokenUntil(['node', 'listener', 'postgres'], node) < since - ECHO_MS;
  }

  /** Whether nothing else that an event needs was broken from shortly before the fault until now: Redis is none. */
  wasAlone(fault: PastFault): boolean {
    return this.#faults.every(
      (other) => other === fault || other.layer === 'redis' || other.to < fault.from - AFTERMATH_MS,
    );
  }
}

export class Faults {
  readonly #options: FaultsOptions;
  readonly #history: FaultHistory;
  readonly #startedAt = performance.now();

  constructor(options: FaultsOptions, history: FaultHistory) {
    this.#options = options;
    this.#history = history;
  }

  /** Resolves when the last one is over and undone. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(layers.map((layer) => this.#runLayer(layer, signal)));
  }

  async #runLayer(layer: Layer, signal: AbortSignal): Promise<void> {
    for (const fault of this.#options.schedule.filter((planned) => planned.layer === layer)) {
      const inMs = this.#startedAt + fault.atMs - performance.now();
      await delay(Math.max(0, inMs), undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      await this.#inflict(fault);
    }
  }

  async #inflict(fault: PlannedFault): Promise<void> {
    const { nodes, deeds, figures, violations } = this.#options;
    const turned = nodes.map((_, offset) => nodes[(fault.node + offset) % nodes.length] as SoakNode);
    const node = turned.find(({ state }) => state === 'up');
    const needsNode = fault.layer === 'node' || fault.layer === 'listener';
    if (!node && needsNode) {
      figures.count('faults', `${fault.kind} (no node was up)`);
      return;
    }
    figures.count('faults', fault.kind);
    const label = needsNode ? `${fault.kind}, node ${node?.index}` : fault.kind;
    const past = this.#history.add(fault.layer, label, fault.layer === 'node' ? node?.index : undefined);
    const measure = (concerned: Concerned = {}) => {
      const readers = this.#concerned(concerned);
      figures.recovery.begin(fault.kind, performance.now(), readers, () => this.#history.wasAlone(past));
    };
    try {
      await deeds[fault.kind](fault, node ?? (nodes[0] as SoakNode), measure);
    } catch (error) {
      violations.add('the soak can do what it planned', `${fault.kind}: ${(error as Error).message}`);
    }
    past.to = performance.now();
  }

  /** Those who get something new all the time, while all is well. */
  #concerned({ node, boardId }: Concerned): string[] {
    const { readers } = this.#options;
    const busy = readers.filter(({ kind, isOnBusyBoard }) => kind === 'fast' && isOnBusyBoard);
    return busy
      .filter(
        (reader) =>
          (node ? reader.openOn === node : true) && (boardId ? reader.subscription.home.boardId === boardId : true),
      )
      .map(({ name }) => name);
  }
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}
