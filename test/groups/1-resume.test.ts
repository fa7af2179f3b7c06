// From a write to its readers, all the way, and from a cursor to what was missed.

import { runFiles } from '../helpers/run-files.ts';

runFiles(
  'streams/replay',
  'streams/opening/cursors',
  'streams/lanes',
  'streams/opening/pipelining',
  'paths/resume',
  'paths/write-to-socket',
  'paths/backup-restored',
  'paths/shared-database',
);
