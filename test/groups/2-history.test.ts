// Boards as they were, and what is not kept.

import { runFiles } from '../helpers/run-files.ts';

runFiles(
  'boards/past',
  'web/past-log',
  'boards/item-history',
  'boards/item-pages',
  'boards/long-log',
  'broadcasts/broadcasts',
);
