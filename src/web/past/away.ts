// What has changed on a board since somebody was there last, in a line or two.

import type { BoardEvent } from '../../client/types.ts';
import { cursorAt, seqOf } from '../state/cursors.ts';
import { type Deed, deeds, deedsOf, listed, nameOf, sentenceOf } from './deeds.ts';
import type { Log } from './log.ts';

interface Doings {
  name: string;
  /** By the id of a note: what was done with it. */
  notes: Map<string, Set<Deed>>;
  sentences: string[];
}

/** Of so many people it is told what they did, and of each so much of what they did with the board. */
const MOST_PEOPLE = 3;
const MOST_SENTENCES = 2;

/** So many events are looked through; of more it is said that they are more. */
const MOST_EVENTS = 500;

/**
 * @param cursor of the last visit
 * @param now the place that is shown, of the same board
 * @param me who was away
 * @returns what there is to tell; none: nothing that anyone else has done
 * @throws Failure
 */
export async function newsSince(cursor: string, now: string, log: Log, me: string): Promise<string[]> {
  const [since, head] = [seqOf(cursor), seqOf(now)];
  if (cursorAt(cursor, head) !== now || since > head)
    return ['The server has been restored meanwhile, so nobody can tell what has changed.'];
  if (since < (await log.begin()))
    return [
      'So much has changed that the log does not reach back to your last visit any more. Here is what it still has.',
    ];
  const upTo = Math.min(head, since + MOST_EVENTS);
  const told = awayOf(await log.events(since, upTo), me);
  return upTo < head ? [...told, `And ${head - upTo} more changes.`] : told;
}

/**
 * @param events in the order of the log
 * @param me who was away: what they did elsewhere they know
 * @returns a sentence for each of the others; none: there is nothing to tell
 */
export function awayOf(events: readonly BoardEvent[], me: string): string[] {
  const people = new Map<string, Doings>();
  for (const event of events) {
    const { actor, id } = event;
    if (actor?.id === me) continue;
    const key = actor?.id ?? '';
    const doings: Doings = people.get(key) ?? { name: nameOf(actor), notes: new Map(), sentences: [] };
    people.set(key, doings);
    const done = deedsOf(event);
    if (event.resource === 'item') doings.notes.set(id, new Set([...(doings.notes.get(id) ?? []), ...done]));
    else doings.sentences.push(sentenceOf(event));
  }
  const told = [...people.values()].flatMap(({ name, notes, sentences }) => {
    const all: string[] = [...countsOf(notes), ...sentences.slice(-MOST_SENTENCES)];
    return all.length > 0 ? [`${name} ${listed(all)}.`] : [];
  });
  const more = told.length - MOST_PEOPLE;
  return more > 0 ? [...told.slice(0, MOST_PEOPLE), `So did ${more} others.`] : told;
}

/** @returns “added 2 notes”, “moved 1” */
function countsOf(notes: ReadonlyMap<string, ReadonlySet<Deed>>): string[] {
  const counts = new Map<Deed, number>();
  for (const done of notes.values()) {
    // Whoever was away never saw it, and does not see it now.
    if (done.has('added') && done.has('deleted')) continue;
    const deed = deeds.find((each) => done.has(each));
    if (deed) counts.set(deed, (counts.get(deed) ?? 0) + 1);
  }
  return deeds.flatMap((deed) => {
    const count = counts.get(deed);
    return count ? [`${deed} ${count} ${count === 1 ? 'note' : 'notes'}`] : [];
  });
}
