// teamboard boards: which boards there are, and how large they are.

import { type Command, InvalidArgumentError } from 'commander';
import { canonicalUuid } from '../http/uuid.ts';
import { listBoards } from './board-list-store.ts';
import type { Context } from './context.ts';
import { notFound } from './failure.ts';
import { tableOf, write } from './print.ts';
import { findUser } from './user-store.ts';
import { withDatabase } from './with-database.ts';

const MOST = 10_000;

interface Options {
  user?: string;
  after?: string;
  limit: number;
  json?: boolean;
}

export function boardsCommand(program: Command, context: Context): void {
  program
    .command('boards')
    .description('list boards, the newest first')
    .option('--user <id or email>', 'only those that this user is on')
    .option('--after <id>', 'go on behind this board', readId)
    .option('--limit <number>', `so many at most, up to ${MOST}`, readLimit, 50)
    .option('--json', 'a line of JSON for each')
    .addHelpText(
      'after',
      '\nExamples:\n  teamboard boards --user ada@example.org\n  teamboard boards --limit 10000 --json',
    )
    .action((options: Options) =>
      withDatabase(context, async ({ client }) => {
        const { user, after, limit, json = false } = options;
        const found = user === undefined ? undefined : await findUser(client, user);
        if (user !== undefined && !found) throw notFound(`there is no user ${user}.`);
        const boards = await listBoards(client, { userId: found?.id, after, limit });
        if (json) return write(context, boards.map((board) => `${JSON.stringify(board)}\n`).join(''));
        const heads = ['ID', 'KEY', 'NAME', 'MEMBERS', 'ITEMS', 'BYTES', 'HEAD', 'UPDATED'];
        const rows = boards.map(({ id, key, name, members, items, bytes, head, updatedAt }) => [
          ...[id, key ?? '-', name, `${members}`, `${items}`, `${bytes}`, `${head}`, updatedAt],
        ]);
        await write(context, tableOf(heads, rows));
      }),
    );
}

function readId(text: string): string {
  const id = canonicalUuid(text);
  if (id === undefined) throw new InvalidArgumentError('It is no id of a board.');
  return id;
}

function readLimit(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) < 1 || Number(text) > MOST) {
    throw new InvalidArgumentError(`It must be a number from 1 to ${MOST}.`);
  }
  return Number(text);
}
