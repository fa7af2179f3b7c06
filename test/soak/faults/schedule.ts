// When which fault comes: drawn up front, from the seed alone.

import type { Random } from '../random.ts';

/** Faults of one layer never overlap, those of different layers do. */
const kindsOfLayer = {
  node: ['node killed', 'node paused', 'node rolled', 'node clock off'],
  listener: ['LISTEN terminated', 'LISTEN half-open', 'UNLISTEN'],
  postgres: [
    'Postgres crashed',
    'Postgres stopped',
    'Postgres restarted',
    'Postgres promoted',
    'all backends terminated',
    'head locked',
    'pool exhausted',
  ],
  redis: ['Redis stopped', 'Redis hung', 'Redis flushed', 'Redis restarted'],
} as const;

export type Layer = keyof typeof kindsOfLayer;
export type FaultKind = (typeof kindsOfLayer)[Layer][number];

export const layers = Object.keys(kindsOfLayer) as Layer[];

export interface PlannedFault {
  /** In milliseconds after the beginning; later when the one before it in its layer takes that long. */
  atMs: number;
  layer: Layer;
  kind: FaultKind;
  /** Of those that have a target; when that node is away the next one has to stand in. */
  node: number;
  /** How long it lasts, where that is a choice. */
  holdMs: number;
  /** Which way the clock goes. */
  sign: 1 | -1;
}

/** From the start of one fault to the start of the next in its layer, on average. */
const everyMs: Record<Layer, number> = { node: 32_000, listener: 22_000, postgres: 34_000, redis: 42_000 };

/** Milliseconds, where it is a choice. */
const holds: Partial<Record<FaultKind, [least: number, most: number]>> = {
  'node killed': [500, 4000],
  'node paused': [20_000, 20_000],
  'Postgres crashed': [0, 3000],
  'Postgres stopped': [3000, 12_000],
  'head locked': [15_000, 15_000],
  'pool exhausted': [6000, 10_000],
  'Redis stopped': [3000, 14_000],
  'Redis hung': [3000, 12_000],
};
/** What the slowest fault may take beyond its hold. */
const AFTERMATH_MS = 6000;

/** @returns in order; each kind once before any comes again in its layer */
export function drawSchedule(random: Random, minutes: number, nodes: number): PlannedFault[] {
  const endMs = minutes * 60_000;
  const planned = layers.flatMap((layer) => drawLayer(layer, random, endMs, nodes));
  return planned.sort((a, b) => a.atMs - b.atMs);
}

function drawLayer(layer: Layer, random: Random, endMs: number, nodes: number): PlannedFault[] {
  const planned: PlannedFault[] = [];
  let bag: FaultKind[] = [];
  let atMs = random.between(4000, everyMs[layer] * 0.6);
  for (;;) {
    if (bag.length === 0) bag = random.shuffled(kindsOfLayer[layer]);
    const kind = bag.pop() as FaultKind;
    const holdMs = Math.round(random.between(...(holds[kind] ?? [0, 0])));
    const fault = { atMs: Math.round(atMs), layer, kind, holdMs, node: random.whole(0, nodes - 1) };
    const sign = random.chance(0.5) ? 1 : -1;
    if (atMs + holdMs + AFTERMATH_MS > endMs) return planned;
    planned.push({ ...fault, sign });
    atMs = Math.max(atMs + everyMs[layer] * random.between(0.6, 1.4), atMs + holdMs + AFTERMATH_MS);
  }
}
