// A browser with tabs, in memory: one clock, locks and channels for all of them.

import { randomUUID } from 'node:crypto';
import { createLive } from '../../src/client/create-live.ts';
import type { ConnectOptions, Live } from '../../src/client/live.ts';
import type { LocksLike, PageEvent } from '../../src/client/outside.ts';
import type { ChannelLike, PageOutside } from '../../src/client/page-outside.ts';
import type { FakeNode, FakeStream } from './fake-node.ts';
import { VirtualClock } from './virtual-clock.ts';

type Message = (event: { data: unknown }) => void;

export class FakeBrowser {
  readonly clock = new VirtualClock();
  readonly locks = new FakeLocks();
  readonly channels = new Map<string, Set<{ tab: FakeTab; listener: Message }>>();
  readonly node: FakeNode;
  /** What the random numbers are. */
  random = 0;

  constructor(node: FakeNode) {
    this.node = node;
  }

  openTab(options: Partial<ConnectOptions> = {}, has: { locks?: boolean } = {}): FakeTab {
    return new FakeTab(this, { url: 'http://node', ...options }, has.locks ?? true);
  }
}

export class FakeTab {
  readonly live: Live;
  readonly reported: unknown[] = [];
  isHidden = false;
  random: number | undefined;
  /** Runs nothing: no timer, no message, no frame of a stream. */
  isFrozen = false;
  readonly #browser: FakeBrowser;
  readonly #streams = new Set<FakeStream>();
  readonly #page = new Set<(event: PageEvent) => void>();
  readonly #missed: Array<{ callback: () => void; isMessage: boolean }> = [];

  constructor(browser: FakeBrowser, options: ConnectOptions & { url: string }, hasLocks: boolean) {
    this.#browser = browser;
    this.live = createLive(options, this.#outside(hasLocks));
  }

  /** @param callback what the page does, when it runs */
  run(callback: () => void, isMessage = false): void {
    if (this.isFrozen) this.#missed.push({ callback, isMessage });
    else callback();
  }

  /** What it has missed is gone. */
  forget(): void {
    this.#missed.length = 0;
  }

  /** The browser has kept no messages for it. */
  forgetMessages(): void {
    this.#missed.splice(0, Infinity, ...this.#missed.filter(({ isMessage }) => !isMessage));
  }

  thaw(): void {
    this.isFrozen = false;
    for (const { callback } of this.#missed.splice(0)) callback();
  }

  tell(event: PageEvent): void {
    for (const listener of [...this.#page]) listener(event);
  }

  setHidden(isHidden: boolean): void {
    this.isHidden = isHidden;
    this.tell({ type: 'visibilitychange' });
  }

  /** As a page that crashes: nothing of it runs any more, and the browser takes its lock back. */
  crash(): void {
    this.isFrozen = true;
    this.forget();
    for (const stream of this.#streams) stream.close();
    this.#browser.locks.free(this);
    for (const all of this.#browser.channels.values()) {
      for (const each of all) if (each.tab === this) all.delete(each);
    }
  }

  #outside(hasLocks: boolean): PageOutside {
    const { clock, locks, channels, node } = this.#browser;
    const browser = this.#browser;
    const tab = this;
    const after: PageOutside['after'] = (ms, callback) => {
      let isEnded = false;
      const stop = clock.after(ms, () => this.run(() => !isEnded && callback()));
      return () => {
        isEnded = true;
        stop();
      };
    };
    return {
      now: () => clock.now,
      after,
      frame: (callback) => void after(16, callback),
      random: () => this.random ?? browser.random,
      newId: randomUUID,
      fetch: (url, init) => node.fetch(url, init),
      openStream: (url) => {
        const stream = node.open(url, (callback) => void clock.after(1, callback));
        tab.#streams.add(stream);
        const { addEventListener } = stream;
        stream.addEventListener = (type, listener) =>
          addEventListener.call(stream, type, (event) => tab.run(() => listener(event)));
        return stream;
      },
      locks: hasLocks ? locks.of(this) : undefined,
      openChannel,
      isHidden: () => this.isHidden,
      report: (error) => void this.reported.push(error),
      onPage: (listener) => {
        this.#page.add(listener);
        return () => void this.#page.delete(listener);
      },
    };

    function openChannel(name: string): ChannelLike {
      const all = channels.get(name) ?? new Set();
      channels.set(name, all);
      const mine = new Set<{ tab: FakeTab; listener: Message }>();
      return {
        postMessage: (message) => {
          const data = structuredClone(message);
          for (const each of all) {
            // As a task of its own, in order.
            if (each.tab !== tab)
              clock.after(0, () => each.tab.run(() => all.has(each) && each.listener({ data }), true));
          }
        },
        addEventListener: (_type, listener) => {
          const each = { tab, listener };
          mine.add(each);
          all.add(each);
        },
        close: () => {
          for (const each of mine) all.delete(each);
        },
      };
    }
  }
}

interface Request {
  tab: FakeTab;
  callback: () => Promise<void>;
  resolve: () => void;
  reject: (error: Error) => void;
}

/** Web Locks, as far as the client uses them. */
class FakeLocks {
  readonly #queues = new Map<string, Request[]>();

  /** Names of those that somebody holds. */
  get names(): string[] {
    return [...this.#queues].filter(([, queue]) => queue.length > 0).map(([name]) => name);
  }

  of(tab: FakeTab): LocksLike {
    return {
      request: (name, { steal, signal }, callback) =>
        new Promise<void>((resolve, reject) => {
          const queue = this.#queues.get(name) ?? [];
          this.#queues.set(name, queue);
          const request: Request = { tab, callback, resolve, reject };
          signal?.addEventListener('abort', () => {
            // Only one that waits can be taken back.
            if (queue.indexOf(request) <= 0) return;
            queue.splice(queue.indexOf(request), 1);
            reject(new Error('aborted'));
          });
          if (steal) {
            const held = queue.shift();
            queue.unshift(request);
            held?.tab.run(() => held.reject(new Error('stolen')));
            this.#grant(queue);
          } else {
            queue.push(request);
            if (queue.length === 1) this.#grant(queue);
          }
        }),
    };
  }

  /** What the browser does when a page is gone. */
  free(tab: FakeTab): void {
    for (const queue of this.#queues.values()) {
      const held = queue[0];
      for (let index = queue.length - 1; index >= 0; index -= 1) if (queue[index]?.tab === tab) queue.splice(index, 1);
      if (held?.tab === tab) this.#grant(queue);
    }
  }

  #grant(queue: Request[]): void {
    const [request] = queue;
    if (!request) return;
    queueMicrotask(() =>
      request.tab.run(() => {
        void request.callback().then(() => {
          request.resolve();
          if (queue[0] !== request) return;
          queue.shift();
          this.#grant(queue);
        });
      }),
    );
  }
}
