// One line of standard input: for what should not stand in a command line, which all users of a machine can read.

import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import type { Context } from './context.ts';
import { wrongUsage } from './failure.ts';

/**
 * @param question for somebody at a terminal, where nothing of the answer is shown
 * @throws CommandFailure when there is none
 */
export async function readLine({ input, errors, stopping }: Context, question: string): Promise<string> {
  const isTerminal = 'isTTY' in input && input.isTTY === true;
  if (isTerminal) errors.write(question);
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input, output: unseen, terminal: isTerminal, signal: stopping });
  for await (const line of lines) {
    if (isTerminal) errors.write('\n');
    return line;
  }
  throw wrongUsage('a line of standard input is wanted, and there is none.');
}
