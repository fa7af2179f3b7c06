// The stream of a page: opened, listened to, and opened again as `connection-states.ts` says.

import { type Events, initial, type Step, step } from './connection-states.ts';
import type { Live } from './live.ts';
import type { PageOutside, StreamLike } from './page-outside.ts';
import { answerReader } from './problem.ts';
import { createTimer } from './small.ts';
import type { StatusName } from './types.ts';

/** One event of the stream, its data parsed. */
export interface Frame {
  event: string;
  // biome-ignore lint/suspicious/noExplicitAny: what it is depends on the event, and the server has made it
  data: any;
}

export interface ConnectionOptions {
  outside: PageOutside;
  url: string;
  withCredentials: boolean;
  request: Live['request'];
  /** Undefined: the browser says who is calling, by a cookie. */
  ticket: ((boards: string[]) => Promise<string>) | undefined;
  /** The ids of the boards that are wanted now. */
  wanted(): string[];
  /** Where the board goes on from by itself; '': only the stream knows, or nobody. */
  cursorOf(id: string): string;
  onFrame(frame: Frame): void;
  onStatus(name: StatusName, reason?: string): void;
  /** These cannot be had. */
  onEnd(boards: string[], reason: string): void;
}

const names = ['ready', 'snapshot', 'changed', 'reset', 'presence', 'broadcast', 'close', 'heartbeat'];
/** However often boards come and go, and browsers say that they are online. */
const LEAST_MS_BETWEEN = 500;
/** As the server has it. */
export const MOST_BOARDS = 256;
/** A ticket that nobody has used is good for a minute. */
const RENEW_MS = 30_000;

export function createConnection(options: ConnectionOptions) {
  const { outside, url, ticket, wanted, cursorOf, onFrame, onStatus, onEnd } = options;
  let deadAfterMs = 45_000;
  let state: Step = initial;
  let stream: StreamLike | undefined;
  /** The boards of the stream, or of the question why there is none. */
  let named: string[] = [];
  let address = '';
  let cursor = '';
  let pass = '';
  let passFor = '';
  let openedAt = 0;
  let renewedAt = 0;
  let abort = new AbortController();
  const setTimer = createTimer(outside);
  const readAnswer = answerReader(outside);

  function send<Type extends keyof Events>(type: Type, told?: Events[Type]): void {
    const canRenew = !!ticket && Math.abs(outside.now() - renewedAt) > RENEW_MS;
    state = step(state, type, told as Events[Type], { random: outside.random(), deadAfterMs, canRenew });
    const { act, ms, tell, reason } = state;
    if (ms !== undefined) setTimer(ms, () => send('timer'));
    if (act) {
      abort.abort();
      abort = new AbortController();
      stream?.close();
      stream = undefined;
      const { signal } = abort;
      if (act === 'renew' || state.name === 'refused') {
        passFor = '';
        renewedAt = outside.now();
      }
      if (act === 'ask') void ask(signal);
      if (act === 'open' || act === 'renew') {
        // However the clock was set meanwhile.
        const rest = Math.min(LEAST_MS_BETWEEN, openedAt + LEAST_MS_BETWEEN - outside.now());
        outside.after(rest, () => void open(signal));
      }
      if (act === 'end') onEnd(named, reason as string);
    }
    if (tell) onStatus(tell, reason);
  }

  async function open(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    openedAt = outside.now();
    named = wanted();
    onEnd(named.splice(MOST_BOARDS), 'TB_LIMIT_REACHED');
    if (!named.length) {
      send('want', false);
      return;
    }
    if (ticket && passFor !== `${named}`) {
      const answer = await ticket(named).then((text) => {
        pass = text;
      }, readAnswer);
      if (signal.aborted) return;
      if (answer) {
        send('answer', answer);
        return;
      }
      passFor = `${named}`;
    }
    const places = named.map((id) => {
      const place = !cursor && cursorOf(id);
      return place ? `${id}@${place}` : id;
    });
    address = `/events?boards=${places}&snapshot=true`;
    if (cursor) address += `&lastEventId=${cursor}`;
    if (ticket) address += `&ticket=${pass}`;
    listen(outside.openStream(url + address, options.withCredentials));
  }

  function listen(source: StreamLike): void {
    stream = source;
    for (const event of names) {
      source.addEventListener(event, ({ data, lastEventId }) => {
        if (source !== stream) return;
        if (lastEventId) cursor = lastEventId;
        const frame = { event, data: JSON.parse(data as string) };
        onFrame(frame);
        // What it says may have led to another stream.
        if (source === stream) goOn(frame);
      });
    }
    source.addEventListener('error', () => {
      if (source === stream) send('error', source.readyState === 2);
    });
  }

  function goOn({ event, data }: Frame): void {
    if (event === 'ready') {
      deadAfterMs = data.heartbeatSeconds * 3000;
      send('ready');
      // One that comes back by itself asks for what it has asked for before.
      if (!wanted().every((id) => named.includes(id))) want();
    } else if (event === 'close' && !data.boardId) send('close', data);
    else {
      // One that lasts so long is one, and its ticket is good.
      if (event === 'heartbeat') state.failures = renewedAt = 0;
      send('heard');
    }
  }

  /** An EventSource keeps to itself why it was refused. */
  async function ask(signal: AbortSignal): Promise<void> {
    const answer = await options.request(address, { signal }).then(readAnswer, readAnswer);
    if (signal.aborted) return;
    // Also ends it, if it is a stream after all.
    send('answer', answer);
  }

  /** @param anew also if they are the same as before: access to some may have come back, which the ticket has lost */
  function want(anew = false): void {
    const boards = wanted();
    if (anew) passFor = '';
    if (anew || state.name === 'idle' || `${boards}` !== `${named}`) send('want', boards.length > 0);
  }

  return {
    want,
    send,
    /** What is known cannot be gone on from. */
    readAnew(): void {
      cursor = '';
      send('hole');
    },
    /** What a stream would go on from. */
    get cursor() {
      return cursor;
    },
    /** Of another tab. */
    set cursor(place: string) {
      cursor = place;
    },
  };
}
