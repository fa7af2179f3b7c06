// teamboard tail: what happens on a board, as it happens.

import type { Command } from 'commander';
import type { Context } from './context.ts';
import { wrongUsage } from './failure.ts';
import { followLog } from './follow-log.ts';
import { followStream } from './follow-stream.ts';
import { write } from './print.ts';
import { tellEvent } from './tell-event.ts';

const LAST = 10;
const MOST_LAST = 10_000;

interface Options {
  last: string;
  url?: string;
  json?: boolean;
}

export function tailCommand(program: Command, context: Context): void {
  program
    .command('tail <board>')
    .description('follow a board by its log in the database, or by a stream of a node; goes on after each cut')
    .option('--last <number>', `begin with so many events of before; of a log in the database only`, `${LAST}`)
    .option('--url <url>', 'of a node, or of what stands in front of it; TEAMBOARD_TOKEN is sent as the token')
    .option('--json', 'each event as the stream tells it, a line each')
    .addHelpText(
      'after',
      '\nExamples:\n  teamboard tail ~plans --last 100\n  TEAMBOARD_TOKEN=tb_… teamboard tail ~plans --url https://boards.example --json',
    )
    .action((named: string, options: Options) => tail(context, named, options));
}

async function tail(context: Context, named: string, { last, url, json = false }: Options): Promise<void> {
  if (!/^\d{1,5}$/.test(last) || Number(last) > MOST_LAST) {
    throw wrongUsage(`--last must be a number up to ${MOST_LAST}, and is ${last}.`);
  }
  const hasColors = context.output.isTTY === true && !context.environment.NO_COLOR;
  const receiver = {
    onEvent: (text: string) => write(context, json ? `${text}\n` : `${tellEvent(JSON.parse(text), hasColors)}\n`),
    /** Beside what happens: that something is cut, or begins anew. */
    onNote: (text: string) => void context.errors.write(`teamboard: ${text}\n`),
  };
  if (url === undefined) return followLog(context, named, Number(last), receiver);
  const token = context.environment.TEAMBOARD_TOKEN;
  if (!URL.canParse(url) || !/^https?:/.test(url))
    throw wrongUsage('--url must be the address of a node, with http:// or https://.');
  if (!token) throw wrongUsage('TEAMBOARD_TOKEN is not set: POST /tokens makes a token.');
  return followStream({ url, token, board: named, stopping: context.stopping, ...receiver });
}
