// The command line: puts the commands of `commands/` together, and says why one has failed.

import { Command, CommanderError } from 'commander';
import { boardsCommand } from './commands/boards.ts';
import type { Context } from './commands/context.ts';
import { doctorCommand } from './commands/doctor.ts';
import { exportCommand } from './commands/export.ts';
import { exitCodes, failureOf } from './commands/failure.ts';
import { importCommand } from './commands/import.ts';
import { migrateCommand } from './commands/migrate.ts';
import { newEpochCommand } from './commands/new-epoch.ts';
import { serveCommand } from './commands/serve.ts';
import { streamsCommand } from './commands/streams.ts';
import { tailCommand } from './commands/tail.ts';
import { tokenCommand } from './commands/token.ts';
import { userCommand } from './commands/user.ts';
import { settingsHelp } from './config/setting-descriptions.ts';
import { LogOutput } from './logging/log-output.ts';
import { version } from './version.ts';

const commands = [
  serveCommand,
  migrateCommand,
  boardsCommand,
  userCommand,
  tokenCommand,
  streamsCommand,
  tailCommand,
  exportCommand,
  importCommand,
  newEpochCommand,
  doctorCommand,
];

/** What shells say of a process that Ctrl-C has ended. */
const INTERRUPTED = 130;

/**
 * @param environment as in `process.env`
 * @returns when the command has ended, or the node runs
 */
export async function run(environment: Context['environment']): Promise<void> {
  const stopping = new AbortController();
  const program = new Command('teamboard')
    .description('Shared boards over plain HTTP. Settings come from the environment.')
    .version(version, '-V, --version', 'say which version this is')
    .helpOption('-h, --help', 'say what there is')
    .exitOverride()
    // What is wrong is told below, as all else that is.
    .configureOutput({ outputError: () => {} })
    .showSuggestionAfterError();
  const context: Context = {
    environment,
    input: process.stdin,
    output: process.stdout,
    errors: process.stderr,
    stopping: stopping.signal,
  };
  for (const command of commands) command(program, context);
  program.addHelpText('after', () => `\nExamples:\n${examples}`);
  program.addHelpText(
    'after',
    () => `\nSettings, from the environment:\n\n${settingsHelp(process.stdout.columns ?? 100)}`,
  );
  program.hook('preAction', (_program, command) => {
    if (command.name() !== 'serve') endInOrder(stopping);
  });
  try {
    await program.parseAsync();
  } catch (error) {
    end(error, stopping.signal);
  }
}

const examples = `  teamboard                                  a node, with a database of its own in .data/
  teamboard migrate --dry-run                what an upgrade would change
  teamboard boards --json | jq -r .name
  teamboard COMMAND --help                   options and examples of one
`;

/** Nodes do so by themselves. A reader that has gone ends the command as well. */
function endInOrder(stopping: AbortController): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
}

function end(error: unknown, stopping: AbortSignal): void {
  if (stopping.aborted) {
    process.exitCode = INTERRUPTED;
    return;
  }
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return;
    tell(error.message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' '), 'TB_USAGE', exitCodes.usage);
    return;
  }
  const { message, code, exitCode } = failureOf(error);
  tell(message, code, exitCode);
}

function tell(message: string, code: string, exitCode: number): void {
  const isJson = process.argv.includes('--json');
  const line = isJson ? JSON.stringify({ error: { code, message, exitCode } }) : `teamboard: ${message} [${code}]`;
  new LogOutput({ fd: 2 }).write(`${line}\n`);
  process.exitCode = exitCode;
}
