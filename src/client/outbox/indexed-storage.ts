// In IndexedDB: the only storage of a browser that its tabs share, that outlives them, and that has room.

import type { Kept, Storage } from '../writes/offered.ts';

const STORE = 'writes';

// As much of IndexedDB as is used: this is compiled also where there are no types of browsers.

interface RequestLike<Result> {
  readonly result: Result;
  readonly error: unknown;
  onsuccess: (() => void) | null;
  onerror: (() => void) | null;
}

interface StoreLike {
  getAll(): RequestLike<Kept[]>;
  put(kept: Kept): unknown;
  delete(key: string): unknown;
}

interface TransactionLike {
  readonly error: unknown;
  objectStore(name: string): StoreLike;
  oncomplete: (() => void) | null;
  onabort: (() => void) | null;
}

interface DatabaseLike {
  createObjectStore(name: string, options: { keyPath: string }): unknown;
  transaction(store: string, mode: 'readonly' | 'readwrite'): TransactionLike;
  onclose: (() => void) | null;
  onversionchange: (() => void) | null;
  close(): void;
}

interface OpeningLike extends RequestLike<DatabaseLike> {
  onupgradeneeded: (() => void) | null;
}

export interface IndexedLike {
  open(name: string, version: number): OpeningLike;
}

/** @param indexed where there is none, and where it is denied, every call is rejected */
export function indexedStorage(
  indexed: IndexedLike | undefined = (globalThis as { indexedDB?: IndexedLike }).indexedDB,
): Storage {
  let opened: Promise<DatabaseLike> | undefined;
  const forget = () => {
    opened = undefined;
  };
  const begin = async (mode: 'readonly' | 'readwrite') => {
    opened ??= openDatabase(indexed, forget);
    return (await opened).transaction(STORE, mode);
  };
  const run = async (mode: 'readonly' | 'readwrite', work: (store: StoreLike) => RequestLike<Kept[]> | undefined) => {
    const transaction = await begin(mode).catch((error) => {
      // What is denied now may be allowed later, and some browsers close it without a word.
      forget();
      throw error;
    });
    const request = work(transaction.objectStore(STORE));
    return new Promise<Kept[]>((resolve, reject) => {
      transaction.oncomplete = () => resolve(request?.result ?? []);
      // A full disk fails a commit whose parts were all taken.
      transaction.onabort = () => reject(transaction.error);
    });
  };
  return {
    all: () => run('readonly', (store) => store.getAll()),
    change: async (put, remove) => {
      await run('readwrite', (store) => {
        for (const kept of put) store.put(kept);
        for (const key of remove) store.delete(key);
        return undefined;
      });
    },
  };
}

/** @param onLost called when it is closed: by the browser, or for whoever deletes it or has a newer version */
function openDatabase(indexed: IndexedLike | undefined, onLost: () => void): Promise<DatabaseLike> {
  return new Promise((resolve, reject) => {
    // Where there is none this throws, which rejects.
    const opening = (indexed as IndexedLike).open('teamboard-outbox', 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: 'key' });
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const database = opening.result;
      database.onclose = onLost;
      // Who holds it open holds up the others.
      database.onversionchange = () => {
        database.close();
        onLost();
      };
      resolve(database);
    };
  });
}
