// Metrics that are looked up when somebody asks for them: between two scrapes they cost nothing.

import { Counter, Gauge, type Registry } from 'prom-client';

/** Values by their labels, those of one metric always the same ones. */
export type Labelled = Array<[labels: Record<string, string>, value: number]>;

interface Described {
  name: string;
  help: string;
  labels?: string[];
}

type Add = (registry: Registry, described: Described, look: () => number | Labelled) => void;

/** look: what it is now; of one without labels the number alone. */
export const addGauge: Add = (registry, described, look) => void new Gauge(lookedUp(registry, described, look));

/** The same of what only grows, and is counted elsewhere. */
export const addCounter: Add = (registry, described, look) => void new Counter(lookedUp(registry, described, look));

function lookedUp(registry: Registry, { name, help, labels = [] }: Described, look: () => number | Labelled) {
  return {
    name,
    help,
    labelNames: labels,
    registers: [registry],
    collect(this: Gauge | Counter) {
      this.reset();
      for (const [labelled, value] of labelledOf(look())) this.inc(labelled, value);
    },
  };
}

/** @returns one value for each of the counts */
export function byLabel(label: string, counts: Readonly<Record<string, number>>): Labelled {
  return Object.entries(counts).map(([value, count]) => [{ [label]: value }, count]);
}

function labelledOf(value: number | Labelled): Labelled {
  return typeof value === 'number' ? [[{}, value]] : value;
}
