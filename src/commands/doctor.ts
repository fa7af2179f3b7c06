// teamboard doctor: what is wrong with an installation, and how to mend it.

import type { Command } from 'commander';
import { examine } from '../doctor/examine.ts';
import { Fault, type Finding, Report } from '../doctor/report.ts';
import { RegistryUnavailable } from '../liveness/stream-registry.ts';
import type { Context } from './context.ts';
import { CommandFailure, exitCodes, failureOf, wrongUsage } from './failure.ts';
import { withoutControls, write } from './print.ts';
import { findDatabase } from './with-database.ts';

interface Options {
  url?: string;
  json?: boolean;
}

export function doctorCommand(program: Command, context: Context): void {
  program
    .command('doctor')
    .description('find out what is wrong: settings, database, Redis, this machine, and the way of the clients')
    .option(
      '--url <url>',
      'as clients see it, through the proxy: looks at the way as well, in silence for one heartbeat',
    )
    .option('--json', 'a line of JSON for each check')
    .addHelpText(
      'after',
      '\nExamples:\n  teamboard doctor --url https://boards.example\n  teamboard doctor --json | jq -r \'select(.state == "fail").text\'',
    )
    .action((options: Options) => doctor(context, options));
}

async function doctor(context: Context, { url, json = false }: Options): Promise<void> {
  const { environment, stopping } = context;
  const address = url === undefined ? undefined : readUrl(url);
  const tell = (finding: Finding) => write(context, json ? `${JSON.stringify(finding)}\n` : lineOf(finding));
  const report = new Report({ tell, explain, stopping });
  const onStep = (step: string) => {
    if (context.errors.isTTY) context.errors.write(`${step}\n`);
  };
  const way =
    address === undefined ? undefined : { url: address, token: environment.TEAMBOARD_TOKEN || undefined, onStep };
  await examine(report, { environment, findDatabase, way });
  const { failures } = report;
  if (failures === 0) return;
  const line = `${failures} of these checks failed: mend the first one first, and look again.`;
  throw new CommandFailure('TB_CHECK_FAILED', line, exitCodes.found);
}

/** A password would be sent to nobody, and told by `fetch`. */
function readUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash) {
    throw wrongUsage('--url must be an address with http:// or https://, without user, password and query.');
  }
  return url.href.replace(/\/+$/, '');
}

function lineOf({ check, state, text }: Finding): string {
  return `${state.padEnd(7)}  ${check.padEnd(20)}  ${withoutControls(text)}\n`;
}

function explain(error: unknown): string {
  if (error instanceof Fault || error instanceof RegistryUnavailable) return error.message;
  return failureOf(error).message.split('\n')[0] ?? '';
}
