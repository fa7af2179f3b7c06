// The log as people read it: what somebody did in one go is one entry, however many events it made.

import type { BoardEvent, Item, User } from '../../client/types.ts';
import { type Deed, deeds, deedsOf, labelOf, listed, sentenceOf } from './deeds.ts';

export interface Entry {
  /** Its first event: stays when more joins it. */
  first: number;
  last: number;
  /** When the last one was. */
  at: string;
  actor: User | null;
  done: ReadonlySet<Deed>;
  /** The notes that it is about, with the first words of each; none: it is about the board. */
  notes: ReadonlyMap<string, string>;
  /** What was done, where that was not with notes. */
  sentence: string;
  mutationId: string | undefined;
}

/** A longer pause ends what somebody does in one go. */
const PAUSE_MS = 5 * 60_000;

/** @param events in the order of the log. @returns in the same order */
export function entriesOf(events: readonly BoardEvent[]): Entry[] {
  const entries: GrowingEntry[] = [];
  for (const event of events) {
    const done = deedsOf(event);
    // A change of nothing that anybody sees.
    if (event.resource === 'item' && done.length === 0) continue;
    const before = entries.at(-1);
    if (before && belongsTo(before, event, done)) take(before, event, done);
    else entries.push(newEntry(event, done));
  }
  return entries;
}

/** While it grows it is changed: a copy for each event would cost a long one, such as an import, its length each time. */
interface GrowingEntry extends Entry {
  done: Set<Deed>;
  notes: Map<string, string>;
}

function newEntry(event: BoardEvent, done: Deed[]): GrowingEntry {
  const { seq, at, actor, id, object, mutationId } = event;
  const isNote = done.length > 0;
  return {
    first: seq,
    last: seq,
    at,
    actor,
    done: new Set(done),
    notes: new Map(isNote ? [[id, labelOf(object as Item)]] : []),
    sentence: isNote ? '' : sentenceOf(event),
    mutationId,
  };
}

/** @returns whether it is of the same go */
function belongsTo(entry: Entry, { id, at, actor, mutationId }: BoardEvent, done: Deed[]): boolean {
  if (entry.actor?.id !== actor?.id || Date.parse(at) - Date.parse(entry.at) > PAUSE_MS) return false;
  if (entry.notes.size === 0 || done.length === 0) return false;
  const isOnlyNote = entry.notes.size === 1 && entry.notes.has(id);
  const isSameWrite = mutationId !== undefined && mutationId === entry.mutationId;
  const isSameDeed = [...entry.done].join() === done.join();
  return isOnlyNote || isSameWrite || isSameDeed;
}

function take(entry: GrowingEntry, { id, seq, at, mutationId, object }: BoardEvent, done: Deed[]): void {
  entry.last = seq;
  entry.at = at;
  entry.mutationId = mutationId;
  entry.notes.set(id, labelOf(object as Item));
  for (const deed of done) entry.done.add(deed);
}

/** @returns what was done with its notes: “added”, “edited and moved” */
export function doneIn({ done, notes }: Entry): string {
  const all = deeds.filter((deed) => done.has(deed));
  const isNew = done.has('added');
  if (isNew && done.has('deleted') && notes.size === 1) return 'added and deleted';
  // What belongs to making a note, or is over with it, is not worth a word.
  if (isNew || done.has('deleted')) return listed(all.filter((deed) => deed === 'added' || deed === 'deleted'));
  return listed(all);
}
