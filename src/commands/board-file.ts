// The lines of an exported board, read one by one.

import type { Readable } from 'node:stream';
import { CommandFailure } from './failure.ts';

/** Above what the largest item can be as JSON. */
const MOST_LINE = 256 * 1024;

/** What a line holds, as it stands there. */
export type FileLine = { number: number } & (
  | { kind: 'board'; json: string; board: { id: string; key?: string } }
  | { kind: 'member' | 'item'; json: string }
);

/** @throws CommandFailure at the first line that is none of an export */
export async function* readBoardFile(input: Readable): AsyncGenerator<FileLine> {
  let number = 0;
  for await (const line of linesOf(input)) {
    number += 1;
    if (line.trim() === '') continue;
    if (line.length > MOST_LINE) throw wrongFile(number, 'is too long');
    const content = parse(line, number);
    const names = Object.keys(content).join();
    const kind = names === 'teamboard,board' ? 'board' : names;
    const value = content[kind];
    if (!['board', 'member', 'item'].includes(kind) || typeof value !== 'object' || value === null) {
      throw wrongFile(number, 'is none of an exported board');
    }
    if ((number === 1) !== (kind === 'board'))
      throw wrongFile(number, 'does not belong there: the board is the first line');
    // The text of the value, and not what JavaScript makes of its numbers.
    const json = line
      .slice(line.indexOf(`"${kind}"`) + kind.length + 2)
      .replace(/^\s*:\s*/, '')
      .replace(/\s*\}\s*$/, '');
    if (kind === 'board') {
      if (content.teamboard !== 1) throw wrongFile(number, 'is of another version of the format');
      yield { number, kind, json, board: value as { id: string; key?: string } };
    } else yield { number, kind: kind as 'member' | 'item', json };
  }
  if (number === 0) throw new CommandFailure('TB_INVALID_FILE', 'the file is empty.');
}

/**
 * Ended by a line feed and by nothing else: `readline` of Node 24 ends one at U+2028 and U+2029 too, which may stand in a
 * text of JSON (RFC 8259, 7). What is longer than any line comes as one that is.
 */
async function* linesOf(input: Readable): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of input.setEncoding('utf8')) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
    if (rest.length > MOST_LINE) break;
  }
  if (rest !== '') yield rest;
}

function parse(line: string, number: number): Record<string, unknown> {
  try {
    const content = JSON.parse(line);
    if (typeof content === 'object' && content !== null) return content;
  } catch {
    // Told below.
  }
  throw wrongFile(number, 'is no JSON object');
}

export function wrongFile(number: number | string, why: string): CommandFailure {
  return new CommandFailure('TB_INVALID_FILE', `line ${number} ${why}; nothing was imported.`);
}
