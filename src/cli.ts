#!/usr/bin/env node
// The command line: teamboard serve | migrate.

import { Command } from 'commander';
import { migrateOnly, serve } from './server.ts';

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
await program.parseAsync();
