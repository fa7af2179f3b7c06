// teamboard token: makes the token of the application beside this server.

import type { Command } from 'commander';
import { makeApplicationToken } from '../accounts/application-store.ts';
import { MAX_NAME_LENGTH } from '../accounts/user.ts';
import { cleanName } from '../http/name.ts';
import type { Context } from './context.ts';
import { wrongUsage } from './failure.ts';
import { write } from './print.ts';
import { withDatabase } from './with-database.ts';

interface Options {
  application: string;
  json?: boolean;
}

export function tokenCommand(program: Command, context: Context): void {
  program
    .command('token')
    .description('make a token for the application beside this server, and print it: it is kept nowhere')
    .requiredOption('--application <name>', 'what its users are shown where it has written something')
    .option('--json', 'one line of JSON')
    .addHelpText('after', '\nExample:\n  teamboard token --application Shop > /run/secrets/teamboard')
    .action(async ({ application, json = false }: Options) => {
      if (cleanName(application, MAX_NAME_LENGTH) !== application) {
        throw wrongUsage(`--application must be a name: one line of 1 to ${MAX_NAME_LENGTH} characters.`);
      }
      const token = await withDatabase(context, ({ client }) => makeApplicationToken(client, application));
      await write(context, json ? `${JSON.stringify({ token })}\n` : `${token}\n`);
    });
}
