// What the check of the way has measured, and what that means.

import type { Fault } from './mending.ts';

/** Events of one answer: when each was written, by the clock of the node, and when it came, by that of the page. */
export interface Round {
  times: ReadonlyArray<{ sentMs: number; cameMs: number }>;
}

export interface WayMeasured {
  /** As many as it took to be sure. */
  rounds: readonly Round[];
  /** What `Content-Encoding` said; empty: nothing. */
  encoding: string;
  /** How long nothing came before the end, and whether it was the node that ended it. */
  silence: { seconds: number; isWhole: boolean };
  /** As the browser calls it: `http/1.1`, `h2`, `h3`; empty: it does not say. */
  protocol: string;
  isForwarded: boolean;
}

export interface Finding {
  about: string;
  tone: 'good' | 'note' | 'bad';
  text: string;
  /** What it takes to mend it. */
  fault?: Fault;
}

const spanOf = (times: readonly number[]) => (times.at(-1) ?? 0) - (times[0] ?? 0);
const sentSpan = ({ times }: Round) => spanOf(times.map(({ sentMs }) => sentMs));
const cameSpan = ({ times }: Round) => spanOf(times.map(({ cameMs }) => cameMs));

/**
 * Events that were written over a second and come in one moment were kept somewhere. Also in a page that stood still
 * meanwhile, so one such round means nothing yet.
 */
export function looksHeld(round: Round): boolean {
  return cameSpan(round) < sentSpan(round) / 2;
}

/** @returns in the order in which they matter */
export function judgeWay({ rounds, encoding, silence, protocol, isForwarded }: WayMeasured): Finding[] {
  const isHeld = rounds.every(looksHeld);
  const last = rounds.at(-1) ?? { times: [] };
  const count = last.times.length;
  const [sent, came] = [secondsOf(sentSpan(last)), secondsOf(cameSpan(last))];
  const by = isForwarded ? 'through something that names itself' : 'with nothing in between that names itself';
  return [
    isHeld
      ? {
          about: 'Buffering',
          tone: 'bad',
          text: `${count} events that were written over ${sent} s came within ${came} s: something in between holds them back.`,
          fault: 'held',
        }
      : {
          about: 'Buffering',
          tone: 'good',
          text: `None: ${count} events, written over ${sent} s, came over ${came} s.`,
        },
    encoding === ''
      ? { about: 'Compression', tone: 'good', text: 'None.' }
      : {
          about: 'Compression',
          tone: isHeld ? 'bad' : 'note',
          text: `Something in between compresses the events (${encoding})${isHeld ? '' : ', and passes each on at once'}.`,
          fault: 'compressed',
        },
    silence.isWhole
      ? {
          about: 'Silence',
          tone: 'good',
          text: `${silence.seconds.toFixed(1)} s of it, as between two heartbeats, ended nothing.`,
        }
      : {
          about: 'Silence',
          tone: 'bad',
          text: `After ${silence.seconds.toFixed(1)} s of it something in between has ended the connection, before a heartbeat.`,
          fault: 'cut',
        },
    protocolFinding(protocol, by),
  ];
}

function protocolFinding(protocol: string, by: string): Finding {
  if (protocol === '') return { about: 'HTTP', tone: 'good', text: `This browser does not say which version; ${by}.` };
  if (!/^http\/1/.test(protocol)) return { about: 'HTTP', tone: 'good', text: `${protocol.toUpperCase()}, ${by}.` };
  const text =
    `${protocol.toUpperCase()}, ${by}. A browser opens six connections by it, and the tabs of Teamboard share one; ` +
    'other clients may need HTTP/2.';
  return { about: 'HTTP', tone: 'note', text, fault: 'old' };
}

const secondsOf = (ms: number) => (ms / 1000).toFixed(2);
