// teamboard export: a board as lines of JSON.

import type { Command } from 'commander';
import { beginExport, readBoard, readItems, readMembers } from './board-file-store.ts';
import { findBoard } from './board-place-store.ts';
import type { Context } from './context.ts';
import { write } from './print.ts';
import { Progress } from './progress.ts';
import { withDatabase } from './with-database.ts';

export function exportCommand(program: Command, context: Context): void {
  program
    .command('export <board>')
    .description('write a board as lines of JSON: the board, who is on it, and each item in the order of the list')
    .addHelpText('after', '\nExample:\n  teamboard export ~plans > plans.jsonl')
    .action((named: string) => exportBoard(context, named));
}

async function exportBoard(context: Context, named: string): Promise<void> {
  const progress = new Progress(context, 'items');
  await withDatabase(context, async ({ client }) => {
    await beginExport(client);
    const boardId = await findBoard(client, named);
    const { line, itemCount } = await readBoard(client, boardId);
    await write(context, `${[line, ...(await readMembers(client, boardId))].join('\n')}\n`);
    let done = 0;
    for (
      let page = await readItems(client, boardId, undefined);
      page;
      page = await readItems(client, boardId, page.last)
    ) {
      await write(context, `${page.lines.join('\n')}\n`);
      done += page.lines.length;
      progress.show(done, itemCount);
    }
  }).finally(() => progress.end());
}
