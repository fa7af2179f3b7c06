// What the client writes: its log, undo, outbox.

import { runFiles } from '../helpers/run-files.ts';

runFiles(
  'client/writes/merge-patch',
  'client/writes/write-log',
  'client/writes/history',
  'client/writes/indexed-storage',
  'client/writes/keeper',
  'client/writes/writes',
  'client/writes/node',
  'client/writes/documented',
);
