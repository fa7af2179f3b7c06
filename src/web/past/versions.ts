// What a note was: the versions of its text, colour and data, and what to write so that it is as one of them again.

import { isObject, isSame, type Json } from '../../client/merge-patch.ts';
import type { BoardEvent, Item, User } from '../../client/types.ts';
import type { Fields } from '../../client/writes/offered.ts';

export interface Version {
  /** Of the event that made it. */
  seq: number;
  at: string;
  actor: User | null;
  action: BoardEvent['action'];
  /** The fields that an update has changed. */
  changes: readonly string[];
  /** As it was then; of a deletion, before it. */
  item: Item;
}

/** A text is saved while it is written: what only goes on with it, so soon, is the same version. */
const WRITING_MS = 60_000;

/** @param events of one note, the newest first. @returns in the same order */
export function versionsOf(events: readonly BoardEvent[]): Version[] {
  const versions: Version[] = [];
  for (const { seq, at, actor, action, object, changes = [] } of events) {
    const item = object as Item;
    if (action === 'updated' && !changes.some((field) => ['text', 'color', 'data'].includes(field))) continue;
    const version = { seq, at, actor, action, changes, item };
    const later = versions.at(-1);
    if (later && goesOn(version, later)) versions[versions.length - 1] = { ...later, action };
    else versions.push(version);
  }
  return versions;
}

function goesOn(earlier: Version, later: Version): boolean {
  const [{ text, color, data }, next] = [earlier.item, later.item];
  return (
    later.action === 'updated' &&
    earlier.action !== 'deleted' &&
    earlier.actor?.id === later.actor?.id &&
    Date.parse(later.at) - Date.parse(earlier.at) <= WRITING_MS &&
    next.text.startsWith(text) &&
    next.text !== text &&
    color === next.color &&
    isSame(data, next.data)
  );
}

/** @returns what to write into the note that is now, so that it says what it said then; where it lies, it stays */
export function restoring(now: Item, then: Item): Fields {
  const data = patchTo(now.data, then.data);
  return {
    ...(now.text !== then.text && { text: then.text }),
    ...(now.color !== then.color && { color: then.color }),
    ...(Object.keys(data).length > 0 && { data }),
  };
}

/** @returns the merge patch that makes one of the other. A member that is null cannot be made by any: it stays away */
function patchTo(now: Json, then: Json): Json {
  const gone = Object.keys(now).filter((name) => !Object.hasOwn(then, name));
  const made = Object.entries(then).flatMap(([name, value]): Array<[string, unknown]> => {
    const before = Object.hasOwn(now, name) ? now[name] : undefined;
    if (isSame(before, value)) return [];
    return [[name, isObject(before) && isObject(value) ? patchTo(before, value) : value]];
  });
  return Object.fromEntries([...gone.map((name): [string, unknown] => [name, null]), ...made]);
}
