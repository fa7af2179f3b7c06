// Sends bytes over a connection of their own and reads what comes back.

import net from 'node:net';
import { type Answer, readAnswers } from './answers.ts';
import type { WireRequest } from './requests.ts';

/** A body that never comes whole is answered with 408 before this. */
const PATIENCE_MS = 12_000;

export interface Exchange {
  answers: Answer[];
  /** Why there are fewer answers than requests; undefined when there are not. */
  end: 'closed' | 'no answer' | 'nonsense' | undefined;
  /** What was no HTTP. */
  fault: string | undefined;
  /** From the first byte until the last answer. */
  ms: number;
}

/** Sends all requests at once. Resolves with their answers; nothing comes after a stream, which is left at its first frame. */
export function exchange(port: number, requests: readonly WireRequest[]): Promise<Exchange> {
  const methods = requests.map(({ method }) => method);
  const startedAt = performance.now();
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  const chunks: Buffer[] = [];
  let answers: Answer[] = [];
  return new Promise((resolve) => {
    const finish = (end: Exchange['end'], fault?: string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ answers, end, fault, ms: performance.now() - startedAt });
    };
    const look = (isOver: boolean) => {
      try {
        answers = readAnswers(Buffer.concat(chunks), methods, isOver);
      } catch (error) {
        return finish('nonsense', (error as Error).message);
      }
      if (answers.length >= requests.length || answers.at(-1)?.isStream) finish(undefined);
      else if (isOver) finish('closed');
    };
    const timer = setTimeout(() => finish('no answer'), PATIENCE_MS);
    socket.on('error', () => {});
    socket.on('data', (data) => {
      chunks.push(data);
      look(false);
    });
    socket.once('close', () => look(true));
    socket.write(Buffer.concat(requests.map(({ bytes }) => bytes)));
    // Whoever has announced more than came is not going to send it.
    if (requests.some(({ isCut }) => isCut)) socket.end();
  });
}
