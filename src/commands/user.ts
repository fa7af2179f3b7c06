// teamboard user: what is known of somebody, a new password, the end of what is signed in.

import type { Command } from 'commander';
import { checkPasswordSize } from '../accounts/credentials.ts';
import { createPasswords } from '../accounts/passwords.ts';
import type { Context } from './context.ts';
import { CommandFailure, notFound, wrongUsage } from './failure.ts';
import { tableOf, write } from './print.ts';
import { readLine } from './read-line.ts';
import { type FoundUser, findUser, setPassword, signOut } from './user-store.ts';
import { type OpenDatabase, withDatabase } from './with-database.ts';

/** As `POST /users` asks for. */
const LEAST_PASSWORD = 8;

interface Options {
  json?: boolean;
}

export function userCommand(program: Command, context: Context): void {
  const user = program
    .command('user')
    .description('show a user, set a password, sign somebody out')
    .addHelpText(
      'after',
      '\nExamples:\n  teamboard user show ada@example.org\n  teamboard user password ada@example.org < new-password',
    );
  const subcommand = (name: string, description: string, run: (who: string, options: Options) => Promise<void>) =>
    user.command(`${name} <id-or-email>`).description(description).option('--json', 'one line of JSON').action(run);
  subcommand('show', 'name, email, boards, sessions and tokens', (who, { json = false }) =>
    onUser(context, who, async (_database, found) => {
      if (json) return write(context, `${JSON.stringify(found)}\n`);
      await write(
        context,
        tableOf(
          ['FIELD', 'VALUE'],
          Object.entries(found).map(([name, value]) => [name, `${value ?? '-'}`]),
        ),
      );
    }),
  );
  subcommand(
    'password',
    'set the password to the first line of standard input, and sign out everywhere',
    async (who, options) => {
      const password = await readLine(context, 'New password: ');
      if ([...password].length < LEAST_PASSWORD)
        throw wrongUsage(`a password has at least ${LEAST_PASSWORD} characters.`);
      checkPasswordSize('password', password);
      await onUser(context, who, async ({ client }, { id, email }) => {
        if (email === null) {
          throw new CommandFailure(
            'TB_NO_PASSWORD',
            'this user signs in without a password: a guest, or one of another application.',
          );
        }
        await setPassword(client, id, await createPasswords().hash(password));
        await write(
          context,
          options.json ? `${JSON.stringify({ id })}\n` : `${email} has a new password, and is signed out.\n`,
        );
      });
    },
  );
  subcommand('sign-out', 'end all sessions and open streams; tokens stay', (who, { json = false }) =>
    onUser(context, who, async ({ client }, { id, name }) => {
      const sessions = await signOut(client, id);
      await write(
        context,
        json ? `${JSON.stringify({ id, sessions })}\n` : `${name}: ${sessions} sessions ended, and all streams.\n`,
      );
    }),
  );
}

async function onUser(
  context: Context,
  who: string,
  work: (database: OpenDatabase, user: FoundUser) => Promise<void>,
): Promise<void> {
  await withDatabase(context, async (database) => {
    const found = await findUser(database.client, who);
    if (!found) throw notFound(`there is no user ${who}.`);
    await work(database, found);
  });
}
