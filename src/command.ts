// The command line: teamboard serve | migrate | token.

import { Command } from 'commander';
import { settingsHelp } from './config/setting-descriptions.ts';
import { migrateOnly, printApplicationToken, serve } from './server.ts';

/** @returns when the command has ended, or the node runs */
export async function run(): Promise<void> {
  const program = new Command('teamboard').description(
    'Shared boards over plain HTTP. Settings come from the environment.',
  );
  program
    .command('serve', { isDefault: true })
    .description('run a node')
    .action(() => serve());
  program
    .command('migrate')
    .description("bring the database's schema up to date, then end")
    .action(() => migrateOnly());
  program
    .command('token')
    .description('make a token for the application beside this server, and print it')
    .requiredOption('--application <name>', 'what its users are shown where it has written something')
    .action(({ application }: { application: string }) => printApplicationToken(application));
  const settings = () => `\nSettings, from the environment:\n\n${settingsHelp(process.stdout.columns ?? 100)}`;
  program.addHelpText('after', settings);
  await program.parseAsync();
}
