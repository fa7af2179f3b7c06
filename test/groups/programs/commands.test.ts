// The command line.

import { runFiles } from '../../helpers/run-files.ts';

runFiles(
  'commands/documented',
  'commands/failures',
  'commands/transfer',
  'commands/tail',
  'commands/streams',
  'commands/doctor',
);
