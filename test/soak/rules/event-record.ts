// What each event was, by everyone who has seen it: the auditor in the log, and every reader on its stream.

import { createHash } from 'node:crypto';
import type { Violations } from '../violations.ts';
import { Epochs } from './epochs.ts';

export function hash(text: string): string {
  return createHash('sha1').update(text).digest('base64').slice(0, 16);
}

interface Sighting {
  hash: string;
  by: string;
}

/** The same event is the same JSON for everyone, and under one epoch the same bytes. */
export class EventRecord {
  readonly epochs: Epochs;
  readonly #violations: Violations;
  /** The JSON of each event, by board and seq. */
  readonly #events = new Map<string, Sighting>();
  /** The whole frame of each event, by board and cursor. */
  readonly #frames = new Map<string, Sighting>();

  constructor(violations: Violations) {
    this.#violations = violations;
    this.epochs = new Epochs(violations);
  }

  sawEvent(boardId: string, seq: number, json: string, by: string): void {
    this.#compare(this.#events, `${boardId} ${seq}`, json, by);
  }

  sawFrame(boardId: string, cursor: string, bytes: string, by: string): void {
    this.#compare(this.#frames, `${boardId} ${cursor}`, bytes, by);
  }

  #compare(sightings: Map<string, Sighting>, place: string, text: string, by: string): void {
    const digest = hash(text);
    const first = sightings.get(place);
    if (!first) sightings.set(place, { hash: digest, by });
    else if (first.hash !== digest) {
      const detail = `${place}: ${by} saw ${digest}, ${first.by} saw ${first.hash}: ${text.slice(0, 400)}`;
      this.#violations.add('the same seq always carries the same bytes', detail);
    }
  }
}
