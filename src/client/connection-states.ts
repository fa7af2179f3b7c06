// What becomes of the connection: from a state and an event to the next state, and what is to be done. Does nothing itself.

import type { Answer } from './problem.ts';
import type { StatusName } from './types.ts';

/**
 * - `idle`: no board is wanted
 * - `opening`: a stream is being opened, which has said nothing yet
 * - `live`: it has said `ready`
 * - `switching`: as `opening`, in place of a stream that was live: nobody is told
 * - `closing`: the server has said that it ends the stream
 * - `resting`: it has ended; the browser comes back when the server has told it to
 * - `waiting`: for the next try
 * - `barred`: as `waiting`, for a time that the server has named: nothing brings it back sooner
 * - `asking`: the browser has given up without saying why: `fetch` is asked
 * - `refused`: the server does not know who is calling
 * - `closed`: for good
 */
export type StateName =
  | 'idle'
  | 'opening'
  | 'live'
  | 'switching'
  | 'closing'
  | 'resting'
  | 'waiting'
  | 'barred'
  | 'asking'
  | 'refused'
  | 'closed';

export interface State {
  name: StateName;
  /** Tries in a row that have led to nothing, or to a stream that did not last. */
  failures: number;
}

/** What happens, and what is said of it. */
export interface Events {
  /** Other boards are wanted, or none. Where the server has named a time to come back, it waits until then. */
  want: boolean;
  ready: undefined;
  /** Any frame but `ready`. */
  heard: undefined;
  /** The server ends the stream; without `retry` the next one would be refused. */
  close: { retry: boolean; reason: string };
  /** The stream has ended; true: the browser does not come back by itself. */
  error: boolean;
  /** Why it was refused. */
  answer: Answer;
  timer: undefined;
  /** There is reason to believe that it works now, or that the stream is dead. */
  wake: undefined;
  /** The stream has left something out, or goes on from what is not known here. */
  hole: undefined;
  stop: undefined;
}

/** The next state, and what is to be done. */
export interface Step extends State {
  /**
   * Ends the stream and the question that there are, and:
   * - `open`: opens another one; `renew`: with another ticket
   * - `ask`: asks why there is none
   * - `end`: gives up the boards that it was asked for
   */
  act?: 'cut' | 'open' | 'renew' | 'ask' | 'end';
  /** In place of the timer that runs; 0: none. */
  ms?: number;
  tell?: StatusName | undefined;
  reason?: string | undefined;
}

export interface Circumstances {
  random: number;
  /** Three heartbeats. */
  deadAfterMs: number;
  /** Whether another ticket may be better than this one. */
  canRenew: boolean;
}

/** A stream that says nothing for so long is not being opened any more. */
const HANG_MS = 10_000;
/** The longest that a `retry:` of the server asks for. */
const REST_MS = 30_000;
/** So often what was left out is read anew at once. */
const MOST_AT_ONCE = 4;

export const initial: State = { name: 'idle', failures: 0 };

/**
 * Full jitter, but never less than a second: those who were cut off together do not come back together.
 *
 * @param failures in a row, before this one
 */
export function backoffMs(failures: number, random: number): number {
  return 1000 + random * (Math.min(30_000, 3000 * 2 ** failures) - 1000);
}

export function step<Type extends keyof Events>(
  { name, failures }: State,
  type: Type,
  told: Events[Type],
  { random, deadAfterMs, canRenew }: Circumstances,
): Step {
  /** No name is a part of another one. */
  const is = (names: string) => names.includes(name);
  const to = (next: StateName, effects?: Omit<Step, 'name' | 'failures'>): Step => ({
    failures,
    ...effects,
    name: next,
  });
  const cut = (next: StateName, tell?: StatusName, reason?: string) => to(next, { act: 'cut', ms: 0, tell, reason });
  const open = (next: StateName, tell?: StatusName, reason?: string) =>
    to(next, { act: 'open', ms: HANG_MS, tell, reason });
  const wait = (tell: StatusName, reason?: string, leastMs = 0): Step => ({
    ...cut(leastMs ? 'barred' : 'waiting', tell, reason),
    failures: failures + 1,
    ms: Math.max(leastMs, backoffMs(failures, random)),
  });
  const refuse = (reason: string) =>
    canRenew
      ? to('opening', { act: 'renew', ms: HANG_MS, tell: 'behind', reason })
      : cut('refused', 'signed-out', reason);

  const isOpen = is('opening switching live');
  const rests = is('closing resting');
  const hasStream = isOpen || rests;
  const rules: { [Each in keyof Events]: (told: Events[Each]) => Step | false } = {
    stop: () => cut('closed', 'ended', 'closed'),
    want(any) {
      if (!any) return rests ? to('barred', { act: 'cut', ms: REST_MS }) : !is('barred') && cut('idle');
      if (is('idle')) return open('opening', 'connecting');
      return isOpen && open(is('opening') ? name : 'switching');
    },
    ready: () => hasStream && to('live', { ms: deadAfterMs, tell: 'live' }),
    heard: () => is('live') && to(name, { ms: deadAfterMs }),
    close: ({ retry, reason }) =>
      hasStream && (retry ? to('closing', { ms: REST_MS + HANG_MS, tell: 'behind', reason }) : refuse(reason)),
    error(isGone) {
      if (isGone) return hasStream && to('asking', { act: 'ask', ms: HANG_MS });
      if (is('closing')) return to('resting');
      return hasStream && wait(is('opening resting') ? 'offline' : 'behind');
    },
    // A ticket is asked for before the stream is opened.
    answer({ status, reason, retryAfterMs }) {
      if (!is('asking opening switching')) return false;
      if (status === 401) return refuse(reason);
      // Of this server: somebody in between may say the same, and be gone in a minute.
      if (/^40[34]TB_/.test(status + reason)) return to('idle', { act: 'end', ms: 0, reason });
      return wait(status ? 'behind' : 'offline', reason, retryAfterMs);
    },
    timer() {
      if (is('live')) return open('opening', 'behind', 'silent');
      if (rests || is('waiting barred')) return open('opening');
      return (isOpen || is('asking')) && wait('offline', 'silent');
    },
    wake() {
      if (is('live')) return open('switching');
      if (is('refused')) return open('opening', 'connecting');
      // What was asked before somebody signed in is answered by a refusal.
      return is('waiting asking') && open('opening');
    },
    hole: () =>
      hasStream && (failures < MOST_AT_ONCE ? { ...open('switching'), failures: failures + 1 } : wait('behind', 'gap')),
  };
  return (!is('closed') && rules[type](told)) || to(name);
}
