// The storage in IndexedDB, on as much of one as it uses: requests and transactions that end later, or fail.

import t from 'tap';
import { type IndexedLike, indexedStorage } from '../../../src/client/outbox/indexed-storage.ts';
import type { Kept } from '../../../src/client/writes/offered.ts';

const keptOf = (key: string, tab = 'one'): Kept => ({
  key,
  user: 'ada',
  url: 'http://model/',
  tab,
  write: { key, text: `${key}!` },
});

/** Keeps what is put when a transaction ends, and all of it or nothing. */
class Indexed {
  readonly rows = new Map<string, Kept>();
  opened = 0;
  closed = 0;
  hasStore = false;
  /** What fails. */
  fault: 'open' | 'commit' | undefined;
  onclose: (() => void) | null = null;
  onversionchange: (() => void) | null = null;
  /** Says of itself that it is open, and is not. */
  isBroken = false;

  get factory(): IndexedLike {
    return { open: (name, version) => this.#open(name, version) };
  }

  #open(name: string, version: number) {
    this.opened += 1;
    t.strictSame([name, version], ['teamboard-outbox', 1]);
    const indexed = this;
    const database = {
      createObjectStore: (store: string, options: { keyPath: string }) => {
        t.strictSame([store, options], ['writes', { keyPath: 'key' }]);
        this.hasStore = true;
      },
      transaction: () => this.#begin(),
      get onclose() {
        return indexed.onclose;
      },
      set onclose(listener: (() => void) | null) {
        indexed.onclose = listener;
      },
      get onversionchange() {
        return indexed.onversionchange;
      },
      set onversionchange(listener: (() => void) | null) {
        indexed.onversionchange = listener;
      },
      close: () => {
        this.closed += 1;
      },
    };
    const opening = {
      result: database,
      error: new Error('denied'),
      onsuccess: null as (() => void) | null,
      onerror: null as (() => void) | null,
      onupgradeneeded: null as (() => void) | null,
    };
    setImmediate(() => {
      if (this.fault === 'open') return opening.onerror?.();
      if (!this.hasStore) opening.onupgradeneeded?.();
      return opening.onsuccess?.();
    });
    return opening;
  }

  #begin() {
    if (this.isBroken) throw new Error('the connection was lost');
    if (!this.hasStore) throw new Error('no such store');
    const work: Array<() => void> = [];
    const transaction = {
      error: new Error('there is no room'),
      oncomplete: null as (() => void) | null,
      onabort: null as (() => void) | null,
      objectStore: () => ({
        getAll: () => {
          const request = { result: [] as Kept[], error: undefined, onsuccess: null, onerror: null };
          work.push(() => request.result.push(...structuredClone([...this.rows.values()])));
          return request;
        },
        put: (kept: Kept) => {
          const copy = structuredClone(kept);
          work.push(() => this.rows.set(copy.key, copy));
        },
        delete: (key: string) => work.push(() => this.rows.delete(key)),
      }),
    };
    setImmediate(() => {
      if (this.fault === 'commit') return transaction.onabort?.();
      for (const one of work) one();
      return transaction.oncomplete?.();
    });
    return transaction;
  }
}

t.test('what one tab keeps, all tabs have, until it is removed', async (t) => {
  const indexed = new Indexed();
  const [one, other] = [indexedStorage(indexed.factory), indexedStorage(indexed.factory)];
  t.strictSame(await one.all(), []);
  await one.change([keptOf('a'), keptOf('b')], []);
  t.strictSame(await other.all(), [keptOf('a'), keptOf('b')]);
  await other.change([keptOf('b', 'other')], ['a', 'never there']);
  t.strictSame(await one.all(), [keptOf('b', 'other')]);
  t.equal(indexed.opened, 2, 'each opens it once');
});

t.test('what cannot be kept is rejected, and tried anew the next time', async (t) => {
  const indexed = new Indexed();
  const storage = indexedStorage(indexed.factory);
  indexed.fault = 'open';
  await t.rejects(storage.change([keptOf('a')], []), /denied/);
  await t.rejects(storage.all(), /denied/);
  indexed.fault = undefined;
  await storage.change([keptOf('a')], []);
  indexed.fault = 'commit';
  await t.rejects(storage.change([keptOf('b')], ['a']), /no room/);
  indexed.fault = undefined;
  t.strictSame(await storage.all(), [keptOf('a')], 'nothing of it was done');
  // The user has cleared what the site keeps.
  const { opened } = indexed;
  indexed.rows.clear();
  indexed.hasStore = false;
  indexed.onclose?.();
  await storage.change([keptOf('c')], []);
  t.strictSame(await storage.all(), [keptOf('c')]);
  t.equal(indexed.opened, opened + 1);
});

t.test('it is let go for whoever deletes it or has a newer version, and opened anew where it was lost', async (t) => {
  const indexed = new Indexed();
  const storage = indexedStorage(indexed.factory);
  await storage.change([keptOf('a')], []);
  indexed.onversionchange?.();
  t.equal(indexed.closed, 1, 'nobody waits for this tab');
  t.strictSame(await storage.all(), [keptOf('a')]);
  t.equal(indexed.opened, 2);
  // Safari loses it without an event.
  indexed.isBroken = true;
  await t.rejects(storage.all(), /lost/);
  indexed.isBroken = false;
  t.strictSame(await storage.all(), [keptOf('a')]);
  t.equal(indexed.opened, 3);
});

t.test('where there is none, every call is rejected', async (t) => {
  await t.rejects(indexedStorage(undefined).all(), TypeError);
  await t.rejects(indexedStorage(undefined).change([keptOf('a')], []), TypeError);
});
