// A browser in memory: tabs that share locks, channels and a storage, and a network between them and the server that
// loses, delays, repeats and cuts as it is told.

import type { PageEvent } from '../../../src/client/outside.ts';
import type { PageOutside, StreamLike } from '../../../src/client/page-outside.ts';
import type { Kept, Storage } from '../../../src/client/writes/offered.ts';
import type { Clock } from './clock.ts';
import type { Answer, Frame, Listener, ModelServer } from './server.ts';

export interface BrowserOptions {
  clock: Pick<Clock, 'now' | 'after'>;
  server: ModelServer;
  random: () => number;
}

type LockCallback = () => Promise<void>;
interface LockRequest {
  tab: Tab;
  callback: LockCallback;
  settle: (error?: unknown) => void;
}

export class Browser {
  readonly options: BrowserOptions;
  /** How likely it is that a request or a frame is harmed. */
  trouble = 0;
  /** So much longer than others take these two. */
  slowness = { answers: 0, frames: 0 };
  isOnline = true;
  /** What the storage does: nothing, where it is denied. */
  isStorageDenied = false;
  isStorageHanging = false;
  /** It takes nothing new, and lets go of what it has. */
  isStorageFull = false;
  readonly kept = new Map<string, Kept>();
  readonly locks = new Map<string, LockRequest[]>();
  readonly channels = new Set<Channel>();
  readonly tabs = new Set<Tab>();
  /** Errors of the page. */
  readonly reported: unknown[] = [];
  #ids = 0;

  constructor(options: BrowserOptions) {
    this.options = options;
  }

  newId(): string {
    this.#ids += 1;
    return `00000000-0000-4000-8000-${`${this.#ids}`.padStart(12, '0')}`;
  }

  open(): Tab {
    const tab = new Tab(this);
    this.tabs.add(tab);
    return tab;
  }

  setOnline(isOnline: boolean): void {
    this.isOnline = isOnline;
    for (const tab of this.tabs) {
      if (!isOnline) for (const stream of [...tab.streams]) stream.drop(false);
      if (isOnline) tab.tell({ type: 'online' });
    }
  }

  harms(): boolean {
    return !this.isOnline || this.options.random() < this.trouble;
  }

  delay(most = 200): number {
    return 1 + Math.floor(this.options.random() * (this.trouble > 0 ? most : 5));
  }

  grant(name: string): void {
    const [first] = this.locks.get(name) ?? [];
    if (!first) return;
    void first.callback().then(
      () => this.release(name, first),
      (error) => this.release(name, first, error),
    );
  }

  release(name: string, request: LockRequest, error?: unknown): void {
    const queue = this.locks.get(name) ?? [];
    const index = queue.indexOf(request);
    if (index < 0) return;
    queue.splice(index, 1);
    request.settle(error);
    if (index === 0) queueMicrotask(() => this.grant(name));
  }
}

class Channel {
  readonly name: string;
  readonly #tab: Tab;
  readonly #listeners: Array<(event: { data: unknown }) => void> = [];

  constructor(tab: Tab, name: string) {
    this.#tab = tab;
    this.name = name;
    tab.browser.channels.add(this);
  }

  get tab(): Tab {
    return this.#tab;
  }

  addEventListener(_type: string, listener: (event: { data: unknown }) => void): void {
    this.#listeners.push(listener);
  }

  postMessage(message: unknown): void {
    const { browser } = this.#tab;
    if (!browser.channels.has(this)) return;
    for (const other of browser.channels) {
      if (other === this || other.name !== this.name) continue;
      const data = copyOf(message);
      other.tab.soon(1, () => {
        if (!browser.channels.has(other)) return;
        for (const listener of other.#listeners) listener({ data });
      });
    }
  }

  close(): void {
    this.#tab.browser.channels.delete(this);
  }
}

/** An EventSource over the network of the browser. */
class Stream implements StreamLike {
  readyState = 0;
  readonly #tab: Tab;
  readonly #url: URL;
  readonly #listeners: Array<[string, (event: { data?: string; lastEventId?: string }) => void]> = [];
  #lastEventId: string | undefined;
  #listener: Listener | undefined;
  /** Of the connection: what is on its way in another one is lost. */
  #number = 0;
  #lastAt = 0;

  constructor(tab: Tab, url: string) {
    this.#tab = tab;
    this.#url = new URL(url);
    tab.streams.add(this);
    this.#connect();
  }

  addEventListener(type: string, listener: (event: { data?: string; lastEventId?: string }) => void): void {
    this.#listeners.push([type, listener]);
  }

  close(): void {
    this.readyState = 2;
    this.#hangUp();
    this.#tab.streams.delete(this);
  }

  /** The connection is lost. @param isFinal the browser gives up */
  drop(isFinal: boolean): void {
    if (this.readyState === 2) return;
    this.#hangUp();
    this.readyState = isFinal ? 2 : 0;
    if (isFinal) this.#tab.streams.delete(this);
    else this.#tab.soon(2000, () => this.#connect());
    this.#emit('error', {});
  }

  #connect(): void {
    const { browser } = this.#tab;
    if (this.readyState !== 0) return;
    this.#number += 1;
    const number = this.#number;
    this.#tab.soon(browser.delay(), () => {
      if (this.#number !== number || this.readyState !== 0) return;
      if (browser.harms()) {
        this.drop(false);
        return;
      }
      const queue: Frame[] = [];
      const send = (frame: Frame) => {
        queue.push(frame);
        // In their order, however long each takes.
        this.#lastAt = Math.max(this.#lastAt, browser.options.clock.now + browser.delay() + browser.slowness.frames);
        this.#tab.soon(this.#lastAt - browser.options.clock.now, () => {
          if (this.#number === number) this.#take(queue.shift() as Frame);
        });
      };
      const end = () => {
        this.#tab.soon(this.#lastAt - browser.options.clock.now + 1, () => {
          if (this.#number === number) this.drop(false);
        });
      };
      const listener = browser.options.server.listen(this.#url.searchParams, this.#lastEventId, { send, end });
      if (!listener) this.drop(true);
      this.#listener = listener;
    });
  }

  #take(frame: Frame): void {
    // Cut in the middle of this frame: an EventSource drops what is not whole.
    if (this.#tab.browser.options.random() < this.#tab.browser.trouble / 4) {
      this.drop(false);
      return;
    }
    this.readyState = 1;
    const { event, id, data } = frame;
    if (id !== undefined) this.#lastEventId = id;
    this.#emit(event, { data: JSON.stringify(data), lastEventId: this.#lastEventId ?? '' });
  }

  #emit(type: string, event: { data?: string; lastEventId?: string }): void {
    for (const [wanted, listener] of this.#listeners) if (wanted === type) listener(event);
  }

  #hangUp(): void {
    this.#number += 1;
    if (this.#listener) this.#tab.browser.options.server.forget(this.#listener);
    this.#listener = undefined;
  }
}

export class Tab {
  readonly browser: Browser;
  readonly streams = new Set<Stream>();
  readonly outside: PageOutside;
  readonly storage: Storage;
  isOpen = true;
  readonly #pageListeners = new Set<(event: PageEvent) => void>();

  constructor(browser: Browser) {
    this.browser = browser;
    const { clock, random } = browser.options;
    this.outside = {
      now: () => clock.now,
      after: (ms, callback) => this.soon(ms, callback),
      frame: (callback) => void this.soon(0, callback),
      random,
      newId: () => browser.newId(),
      fetch: (url, init) => this.#fetch(new URL(url), init),
      openStream: (url) => new Stream(this, url),
      locks: { request: (name, options, callback) => this.#lock(name, options, callback) },
      openChannel: (name) => new Channel(this, name),
      isHidden: () => false,
      report: (error) => void browser.reported.push(error),
      onPage: (listener) => {
        this.#pageListeners.add(listener);
        return () => void this.#pageListeners.delete(listener);
      },
    };
    this.storage = {
      all: () => this.#store(() => copyOf([...browser.kept.values()])),
      change: (put, remove) =>
        this.#store(() => {
          if (browser.isStorageFull && put.length > 0) throw new Error('no room');
          for (const kept of copyOf(put)) browser.kept.set(kept.key, kept);
          for (const key of remove) browser.kept.delete(key);
        }),
    };
  }

  /** As a timer of this tab: a tab that is closed has none. @returns what ends it */
  soon(ms: number, callback: () => void): () => void {
    return this.browser.options.clock.after(ms, () => {
      if (this.isOpen) callback();
    });
  }

  tell(event: PageEvent): void {
    for (const listener of this.#pageListeners) listener(event);
  }

  /** Without a word: the browser has ended it. */
  close(): void {
    const { browser } = this;
    this.isOpen = false;
    browser.tabs.delete(this);
    for (const stream of [...this.streams]) stream.close();
    for (const channel of browser.channels) if (channel.tab === this) channel.close();
    for (const [name, queue] of browser.locks) {
      for (const request of queue.filter(({ tab }) => tab === this)) browser.release(name, request);
    }
  }

  #store<Result>(work: () => Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.soon(1, () => {
        if (this.browser.isStorageHanging) return;
        if (this.browser.isStorageDenied) reject(new Error('denied'));
        else
          try {
            resolve(work());
          } catch (error) {
            reject(error);
          }
      });
    });
  }

  #lock(name: string, { steal, signal }: { steal?: boolean; signal?: AbortSignal }, callback: LockCallback) {
    return new Promise<void>((resolve, reject) => {
      const { browser } = this;
      const queue = browser.locks.get(name) ?? [];
      browser.locks.set(name, queue);
      const request: LockRequest = {
        tab: this,
        callback: () => (this.isOpen ? callback() : Promise.resolve()),
        settle: (error) => (error ? reject(error) : resolve()),
      };
      signal?.addEventListener('abort', () => {
        // One that is held is let go by its callback alone.
        if (queue[0] !== request) browser.release(name, request, new Error('aborted'));
      });
      if (steal) {
        const [held] = queue.splice(0, 1, request);
        held?.settle(new Error('stolen'));
      } else queue.push(request);
      if (queue[0] === request) queueMicrotask(() => queue[0] === request && browser.grant(name));
    });
  }

  #fetch(url: URL, { method = 'GET', headers, body, signal }: RequestInit): Promise<Response> {
    const { browser } = this;
    const { server } = browser.options;
    return new Promise((resolve, reject) => {
      const fail = () => reject(new TypeError('network'));
      signal?.addEventListener('abort', fail);
      const isLost = browser.harms();
      const ask = () => server.answer(method, url.pathname, new Headers(headers), String(body ?? ''));
      const send = (reply: (answer: Answer) => void) =>
        browser.options.clock.after(browser.delay(), () => {
          reply(ask());
          // Somebody in between sends it twice.
          if (browser.harms()) ask();
        });
      // It gets there, or not, and nobody knows.
      if (isLost) {
        if (browser.isOnline && browser.options.random() < 0.5) send(() => {});
        this.soon(browser.delay(), fail);
        return;
      }
      send(({ status, body: told, headers: more }) => {
        const text = told === undefined ? '' : JSON.stringify(told);
        // Cut in the middle.
        const sent = browser.harms() ? text.slice(0, text.length / 2) : text;
        this.soon(browser.delay() + browser.slowness.answers, () => resolve(responseOf(status, sent, more)));
      });
    });
  }
}

/** By its text: what the client hands over has nothing that a text has not, and this takes a third of the time. */
function copyOf<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value)) as Value;
}

/** As much of a Response as the client reads: a whole one takes as long as all that the client does with it. */
function responseOf(status: number, text: string, headers: Record<string, string> = {}): Response {
  const json = async () => JSON.parse(text);
  return { status, ok: status >= 200 && status < 300, headers: new Headers(headers), json } as Response;
}
