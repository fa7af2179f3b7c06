// Boards and their items: what is written.

import { runFiles } from '../helpers/run-files.ts';

runFiles(
  'boards/boards-and-items',
  'boards/item-ids',
  'boards/same-document',
  'boards/limits',
  'boards/board-keys',
  'boards/idempotency',
  'boards/conflicts-and-batch',
  'boards/large-values',
  'published/rows',
  'published/ways',
);
