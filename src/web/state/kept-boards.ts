// Boards as they were seen last in this browser, to be shown while the server cannot be reached. Each belongs to the account that
// has seen it, and goes when that account signs out.

import type { Board, Snapshot } from '../../client/types.ts';
import { remembered } from './remembered.ts';

/** As the client begins with it: without a cursor, so that the server tells all of it anew. */
export type KeptSnapshot = Snapshot & { seq: number };

export interface KeptBoard {
  snapshot: KeptSnapshot;
  /** When it was so: milliseconds since 1970. */
  at: number;
}

/** What is known of one without reading its notes. */
interface Entry {
  key: string;
  user: string;
  board: Board;
  at: number;
  size: number;
}

const [ENTRIES, NOTES] = ['entries', 'notes'];
const MOST_BOARDS = 20;
/** In letters: of one, and of all. */
const MOST_OF_ONE = 8_000_000;
const MOST_OF_ALL = 24_000_000;
/** The IndexedDB of some browsers hangs: that holds up nothing. */
const LONGEST_READ_MS = 500;

const keyOf = (user: string, id: string) => `${user} ${id}`;

let opened: Promise<IDBDatabase> | undefined;

function done<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function open(): Promise<IDBDatabase> {
  const opening = indexedDB.open('teamboard-boards', 1);
  opening.onupgradeneeded = () => {
    opening.result.createObjectStore(ENTRIES, { keyPath: 'key' });
    opening.result.createObjectStore(NOTES);
  };
  const database = await done(opening);
  const forget = () => {
    database.close();
    opened = undefined;
  };
  // Who holds it open holds up the others.
  database.onversionchange = database.onclose = forget;
  return database;
}

/** @param isWanted asked when nothing comes in between any more */
async function use<Result>(
  mode: IDBTransactionMode,
  work: (entries: IDBObjectStore, notes: IDBObjectStore) => Promise<Result>,
  isWanted = () => true,
): Promise<Result | undefined> {
  try {
    opened ??= open();
    const database = await opened;
    if (!isWanted()) return undefined;
    const transaction = database.transaction([ENTRIES, NOTES], mode);
    return await work(transaction.objectStore(ENTRIES), transaction.objectStore(NOTES));
  } catch {
    // Denied, or full: then a board opens with the server alone.
    opened = undefined;
    return undefined;
  }
}

/** Forgets those that are not to stay. @param stays asked of the one that was seen last at first */
async function clean(entries: IDBObjectStore, notes: IDBObjectStore, stays: (entry: Entry) => boolean): Promise<void> {
  const all: Entry[] = await done(entries.getAll());
  for (const entry of all.sort((one, other) => other.at - one.at)) {
    if (stays(entry)) continue;
    entries.delete(entry.key);
    notes.delete(entry.key);
  }
}

/** @returns undefined when there is none */
export async function readBoard(user: string, id: string): Promise<KeptBoard | undefined> {
  const key = keyOf(user, id);
  const found = use('readonly', async (entries, notes) => {
    const [entry, text] = await Promise.all([done<Entry | undefined>(entries.get(key)), done<string>(notes.get(key))]);
    return entry && { at: entry.at, snapshot: JSON.parse(text) as KeptSnapshot };
  });
  return Promise.race([found, new Promise<undefined>((resolve) => setTimeout(resolve, LONGEST_READ_MS))]);
}

/** @returns the boards of the user, the one that was seen last at first */
export async function listBoards(user: string): Promise<Board[]> {
  const all = await use('readonly', (entries) => done<Entry[]>(entries.getAll()));
  const own = (all ?? []).filter((entry) => entry.user === user).sort((one, other) => other.at - one.at);
  return own.map(({ board }) => board);
}

/** Of who is signed in here still: a page that hears later of the end keeps nothing more. */
export async function keepBoard(user: string, snapshot: KeptSnapshot): Promise<void> {
  const text = JSON.stringify(snapshot);
  const { board } = snapshot;
  const entry: Entry = { key: keyOf(user, board.id), user, board, at: Date.now(), size: text.length };
  const put = async (entries: IDBObjectStore, notes: IDBObjectStore) => {
    entries.put(entry);
    notes.put(text, entry.key);
    let [count, sum] = [0, 0];
    await clean(entries, notes, ({ size }) => {
      if (count === MOST_BOARDS || size > MOST_OF_ONE || sum + size > MOST_OF_ALL) return false;
      count += 1;
      sum += size;
      return true;
    });
  };
  await use('readwrite', put, () => remembered()?.id === user);
}

/** Who may see it no more is shown nothing of it. */
export async function dropBoard(user: string, id: string): Promise<void> {
  await use('readwrite', (entries, notes) => clean(entries, notes, ({ key }) => key !== keyOf(user, id)));
}

/** @param user whose boards stay; undefined: nobody's */
export async function dropOthers(user?: string): Promise<void> {
  await use('readwrite', (entries, notes) => clean(entries, notes, (entry) => entry.user === user));
}
