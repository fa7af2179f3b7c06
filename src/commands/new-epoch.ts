// teamboard new-epoch: makes all cursors of before unusable, after a restore.

import type { Command } from 'commander';
import type { Context } from './context.ts';
import { renewEpoch } from './epoch-store.ts';
import { write } from './print.ts';
import { withDatabase } from './with-database.ts';

export function newEpochCommand(program: Command, context: Context): void {
  program
    .command('new-epoch')
    .description('after a restore: answer every cursor of before with `reset` (docs/restore.md), before nodes start')
    .option('--json', 'one line of JSON')
    .addHelpText(
      'after',
      '\nExample:\n  pg_restore -d boards dump && DATABASE_URL=postgres://localhost/boards teamboard new-epoch',
    )
    .action(async ({ json = false }: { json?: boolean }) => {
      const epoch = await withDatabase(context, ({ client }) => renewEpoch(client));
      const text = `The epoch is ${epoch} now: each stream begins with a reset.\n`;
      await write(context, json ? `${JSON.stringify({ epoch })}\n` : text);
    });
}
