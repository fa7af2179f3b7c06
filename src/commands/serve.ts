// teamboard serve: runs a node.

import type { Command } from 'commander';

export function serveCommand(program: Command): void {
  program
    .command('serve', { isDefault: true })
    .description('run a node; this is what `teamboard` alone does')
    .addHelpText('after', '\nExample:\n  PORT=8080 DATABASE_URL=postgres://localhost/boards teamboard serve')
    // Loaded for this command alone: it is most of the code.
    .action(async () => (await import('../server.ts')).serve());
}
