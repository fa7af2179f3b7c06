// teamboard streams: who is connected, and to which node.

import type { Command } from 'commander';
import { loadConfig } from '../config/config.ts';
import { allStreams } from '../liveness/all-streams.ts';
import { type HeldStream, RegistryUnavailable } from '../liveness/stream-registry.ts';
import type { Context } from './context.ts';
import { CommandFailure, exitCodes } from './failure.ts';
import { tableOf, write } from './print.ts';

/** Rows of a table whose columns are made to fit each other. */
const ROWS = 200;

interface Options {
  board?: string;
  user?: string;
  json?: boolean;
}

export function streamsCommand(program: Command, context: Context): void {
  program
    .command('streams')
    .description('who is connected, and to which node, as Redis knows it (`user sign-out` ends the streams of a user)')
    .option('--board <id>', 'only of this board')
    .option('--user <id>', 'only of this user')
    .option('--json', 'a line of JSON for each; of a stream of many boards, one for each of them')
    .addHelpText('after', '\nExample:\n  teamboard streams --json | jq -r .node | sort | uniq -c')
    .action((options: Options) => listStreams(context, options));
}

async function listStreams(context: Context, { board, user, json = false }: Options): Promise<void> {
  const { redisUrl, redisPrefix } = loadConfig(context.environment);
  if (redisUrl === undefined) {
    const line =
      'REDIS_URL is not set: a node alone keeps its streams to itself, and shows each user their own (/debug/streams).';
    throw new CommandFailure('TB_SETTING', line, exitCodes.usage);
  }
  let page: HeldStream[] = [];
  let hasHead = false;
  const flush = async () => {
    const rows = page.map(({ node, userId, boardId, streamId }) => [node, userId, boardId, streamId]);
    const table = tableOf(['NODE', 'USER', 'BOARD', 'STREAM'], rows);
    // The ids are of one length: all pages fit.
    await write(context, hasHead ? table.slice(table.indexOf('\n') + 1) : table);
    hasHead = true;
    page = [];
  };
  try {
    for await (const stream of allStreams({ url: redisUrl, prefix: redisPrefix })) {
      if ((board && stream.boardId !== board) || (user && stream.userId !== user)) continue;
      if (json) await write(context, `${JSON.stringify(stream)}\n`);
      else if (page.push(stream) === ROWS) await flush();
    }
  } catch (error) {
    if (!(error instanceof RegistryUnavailable)) throw error;
    throw new CommandFailure('TB_REDIS_AWAY', error.message, exitCodes.unreachable);
  }
  if (!json && (page.length > 0 || !hasHead)) await flush();
}
