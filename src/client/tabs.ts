// One stream for all tabs: who leads has it, and tells the others what comes.

import type { ChannelLike, PageOutside } from './page-outside.ts';
import { createTimer } from './small.ts';

/** What a tab says: it is here, follows these, and has no state of those that it needs. */
interface Hello {
  from: string;
  boards: string[];
  need: string[];
  /** If there is no stream, it is to be tried again. */
  wake: boolean;
}

/** What the leader says: `n` counts it in its `term`, of which the newest counts. Without `told` it says that it is there. */
interface Word {
  term: number;
  n: number;
  /** Of one tab; undefined: of all. */
  to?: string | undefined;
  told?: unknown;
}

export interface TabsOptions {
  outside: PageOutside;
  /** The boards of this page. */
  boards(): string[];
  /** Those of them of which nothing is known; also the others, if all is told again. */
  needed(all: boolean): string[];
  /** This tab leads from now on, or no longer. */
  onLead(isLeading: boolean): void;
  /** Of the leader: other boards are followed than before. */
  onBoards(): void;
  /** Of the leader: `to` needs these. */
  onNeed(boards: string[], to: string): void;
  onTold(told: unknown): void;
  /** Some of what the leader has told is missing here. It is told anew. */
  onHole(): void;
  onWake(): void;
}

const BEAT_MS = 15_000;
/** Who hears nothing of the leader for so long asks for it, */
const SILENCE_MS = 3 * BEAT_MS;
/** and takes its place when there is no answer: it is frozen, and keeps its lock. */
const PATIENCE_MS = 10_000;
/** Several do not take it at once. */
const JITTER_MS = 2000;

export function createTabs(options: TabsOptions) {
  const { outside, boards, needed, onLead, onBoards, onNeed, onTold, onHole, onWake } = options;
  const { locks, openChannel } = outside;
  const from = outside.newId();
  const others = new Map<string, { boards: string[]; unheard: number }>();
  const setTimer = createTimer(outside);
  let channel: ChannelLike | undefined;
  let isLeading = false;
  let isPresent = false;
  let hasHeard = false;
  let name = '';
  let term = 0;
  let n = 0;
  let turn = new AbortController();

  /** @param all also what is known here is told again */
  function hello(all = false, wake = false): void {
    channel?.postMessage({ from, boards: isPresent ? boards() : [], need: needed(all), wake } satisfies Hello);
  }

  function say(told?: unknown, to?: string): void {
    if (!isLeading) return;
    n += 1;
    channel?.postMessage({ term, n, told, to } satisfies Word);
  }

  function lead(): void {
    isLeading = hasHeard = true;
    // More than any other, also than those that this tab has not heard of.
    term = Math.max(term + 1, outside.now());
    n = 0;
    beat();
    onLead(true);
  }

  function beat(): void {
    if (!channel) return;
    say();
    setTimer(BEAT_MS, () => {
      for (const [id, other] of others) {
        other.unheard += 1;
        if (other.unheard > 3) others.delete(id);
      }
      onBoards();
      beat();
    });
  }

  function follow(): void {
    const led = isLeading;
    isLeading = false;
    turn.abort();
    setTimer();
    if (led) onLead(false);
    if (isPresent) queue();
  }

  /** Waits for the leader to go. @param isNew what it has told before is not known here */
  function queue(isNew = false): void {
    request();
    hello(isNew, true);
    listenFor(PATIENCE_MS);
  }

  function request(steal = false): void {
    turn.abort();
    turn = new AbortController();
    const { signal } = turn;
    const held = () =>
      new Promise<void>((resolve) => {
        signal.onabort = () => resolve();
        if (signal.aborted) resolve();
        else lead();
      });
    // It ends in an error when another tab has taken the lock, or at once where the page may have none, as in a sandbox.
    locks?.request(name, steal ? { steal } : { signal }, held).catch(() => {
      if (signal.aborted) return;
      if (isLeading) follow();
      else {
        leave();
        enter();
      }
    });
  }

  function listenFor(ms: number): void {
    setTimer(ms + outside.random() * JITTER_MS, () => {
      if (ms === PATIENCE_MS) request(true);
      else {
        hello();
        listenFor(PATIENCE_MS);
      }
    });
  }

  function hearTab({ from: other, boards: theirs, need, wake }: Hello): void {
    const before = others.get(other)?.boards;
    others.set(other, { boards: theirs, unheard: 0 });
    if (!isLeading) return;
    if (`${before}` !== `${theirs}`) onBoards();
    onNeed(need, other);
    if (wake) onWake();
  }

  function hearLeader(word: Word): void {
    if (word.term < term) return;
    if (isLeading) follow();
    // Who is new starts with the answer.
    const isNext = hasHeard ? word.n === (word.term === term ? n + 1 : 1) : word.to === from;
    hasHeard = true;
    ({ term, n } = word);
    listenFor(SILENCE_MS);
    if (!isNext) {
      onHole();
      hello(true);
    } else if (!word.told) {
      // As all do now: who does not is gone.
      others.clear();
      hello();
    }
    if (word.told && (word.to ?? from) === from) onTold(word.told);
  }

  /**
   * Comes to the others, or comes back to them.
   *
   * @param group of those who may share a stream: names the lock and the channel; default: nobody may
   */
  function enter(group = ''): void {
    if (isPresent) return;
    isPresent = true;
    hasHeard = false;
    name = group;
    try {
      channel = name && locks ? openChannel(name) : undefined;
    } catch {
      // Denied, as in a sandbox, or there is none.
    }
    if (!channel) {
      lead();
      return;
    }
    channel.addEventListener('message', ({ data }) =>
      'term' in (data as object) ? hearLeader(data as Word) : hearTab(data as Hello),
    );
    queue(true);
  }

  /** Goes, so that another one leads. */
  function leave(): void {
    isPresent = false;
    hello();
    follow();
    channel?.close();
    channel = undefined;
    others.clear();
  }

  return {
    enter,
    leave,
    /** Other boards are followed here. */
    tellBoards(): void {
      if (isLeading) onBoards();
      else hello();
    },
    /** The leader has to tell all of it again, or to try again. */
    ask: hello,
    /** Of the leader. @param to default: all */
    tell: say,
    get isLeading() {
      return isLeading;
    },
    get isPresent() {
      return isPresent;
    },
    /** Of the leader: the boards of all tabs. */
    get all(): string[] {
      return isLeading ? [...new Set([...boards(), ...[...others.values()].flatMap((other) => other.boards)])] : [];
    },
  };
}
