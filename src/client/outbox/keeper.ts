// Keeps the unconfirmed writes of this tab in the storage, and takes over those of tabs that are gone.

import type { Outside } from '../outside.ts';
import type { Keeping, Kept, Storage } from '../writes/offered.ts';
import type { Write, WriteLog } from '../writes/write.ts';

/** How often it looks for what other tabs have left, and tries again what could not be kept. */
const LOOK_MS = 10_000;
const LONGEST_SAVE_MS = 1000;

export interface KeeperOptions {
  outside: Pick<Outside, 'locks' | 'after' | 'newId'>;
  storage: Storage;
  user: string;
  /** Of the server, as the page spells it. */
  url: string;
  /** Gets the writes that a tab has left: they are this tab's from now on. */
  onLeft: (left: WriteLog) => void;
  /** Called when {@link Keeper.keeping} has changed. */
  onKeeping: () => void;
}

/**
 * Each tab sends its own writes, and holds a lock for as long as it lives. Whoever gets the lock of another knows that it
 * is gone, and is the only one who knows it at that moment.
 */
export class Keeper {
  readonly #options: KeeperOptions;
  readonly #tab: string;
  readonly #closing = new AbortController();
  /** As the storage has them. */
  readonly #kept = new Map<string, Write>();
  #wanted: WriteLog = [];
  #keeping: Keeping = 'yes';
  /** Undefined until this tab has its lock: what it kept before, others would take for left behind. */
  #release: (() => void) | undefined;
  #saving: Promise<void> = Promise.resolve();
  readonly #awaited = new Set<string>();
  #stopLooking: (() => void) | undefined;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#tab = options.outside.newId();
  }

  get keeping(): Keeping {
    return this.#keeping;
  }

  start(): void {
    const { locks } = this.#options.outside;
    if (!locks) {
      this.#setKeeping('no');
      return;
    }
    void this.#lock(this.#tab, () => {
      const released = new Promise<void>((resolve) => {
        this.#release = resolve;
      });
      this.keep(this.#wanted);
      this.#look();
      return released;
    }).catch(() => this.#setKeeping('no'));
  }

  /** @param log all writes of this tab; what it has no more is forgotten */
  keep(log: WriteLog): void {
    this.#wanted = log.filter(({ status }) => status !== 'done');
    if (this.#keeping === 'yes' && this.#unkept().length > 0) this.#setKeeping('saving');
    if (this.#release) this.#saving = this.#saving.then(() => this.#save());
  }

  /** Resolves when what was to be kept is, or cannot be. The IndexedDB of some browsers hangs: that holds up nothing. */
  saved(): Promise<void> {
    return new Promise((resolve) => {
      const endWait = this.#options.outside.after(LONGEST_SAVE_MS, () => {
        this.#setKeeping('no');
        resolve();
      });
      void this.#saving.then(endWait).then(resolve);
    });
  }

  /** What is kept is for the other tabs now. */
  async stop(): Promise<void> {
    this.#stopLooking?.();
    this.#closing.abort();
    await this.saved();
    this.#release?.();
    this.#release = undefined;
  }

  #unkept(): WriteLog {
    return this.#wanted.filter((write) => this.#kept.get(write.key) !== write);
  }

  async #save(): Promise<void> {
    const { storage } = this.#options;
    const wanted = new Set(this.#wanted.map(({ key }) => key));
    const unkept = this.#unkept();
    const put = unkept.map((write) => this.#wrap(write));
    const removed = [...this.#kept.keys()].filter((key) => !wanted.has(key));
    try {
      if (put.length + removed.length > 0)
        await storage.change(put, removed).catch(async () => {
          // Where there is no room for the new, what is over goes nonetheless: nobody must send it again. That makes some.
          await storage.change([], removed);
          for (const key of removed) this.#kept.delete(key);
          await storage.change(put, []);
        });
      // Only what this has changed: another tab's may have been taken over meanwhile.
      for (const write of unkept) this.#kept.set(write.key, write);
      for (const key of removed) this.#kept.delete(key);
      this.#setKeeping(this.#unkept().length > 0 ? 'saving' : 'yes');
    } catch {
      this.#setKeeping('no');
    }
  }

  #look(): void {
    void this.#findLeft().catch(() => this.#setKeeping('no'));
    this.#stopLooking = this.#options.outside.after(LOOK_MS, () => {
      this.keep(this.#wanted);
      this.#look();
    });
  }

  async #findLeft(): Promise<void> {
    const tabs = new Set((await this.#ours()).map(({ tab }) => tab));
    for (const tab of tabs) {
      if (tab === this.#tab || this.#awaited.has(tab)) continue;
      this.#awaited.add(tab);
      void this.#lock(tab, () => this.#takeOver(tab))
        .catch(() => this.#setKeeping('no'))
        .finally(() => this.#awaited.delete(tab));
    }
  }

  async #takeOver(tab: string): Promise<void> {
    const left = (await this.#ours()).filter((kept) => kept.tab === tab).map(({ write }) => write as Write);
    if (left.length === 0) return;
    await this.#options.storage.change(
      left.map((write) => this.#wrap(write)),
      [],
    );
    for (const write of left) this.#kept.set(write.key, write);
    this.#options.onLeft(left.sort((one, other) => one.at - other.at));
  }

  async #ours(): Promise<Kept[]> {
    const ours = this.#options;
    return (await ours.storage.all()).filter(({ user, url }) => user === ours.user && url === ours.url);
  }

  #wrap(write: Write): Kept {
    const { user, url } = this.#options;
    return { key: write.key, user, url, tab: this.#tab, write };
  }

  async #lock(tab: string, callback: () => Promise<void>): Promise<void> {
    const { signal } = this.#closing;
    const { locks } = this.#options.outside;
    await locks?.request(`teamboard-writes ${tab}`, { signal }, callback).catch((error) => {
      if (!signal.aborted) throw error;
    });
  }

  #setKeeping(keeping: Keeping): void {
    if (this.#keeping === keeping) return;
    this.#keeping = keeping;
    this.#options.onKeeping();
  }
}
