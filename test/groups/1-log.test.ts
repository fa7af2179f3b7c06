// The log, and how nodes hear of it.

import { runFiles } from '../helpers/run-files.ts';

runFiles(
  'postgres/board-log',
  'postgres/database-problem',
  'postgres/migrations',
  'events/listener',
  'paths/listen-backend-terminated',
  'paths/listen-half-open',
  'paths/listen-registration-lost',
  'events/cursor-vector',
  'events/event-log',
  'events/isolated-read',
  'events/other-nodes',
  'events/trimmer',
  'soak/readers/many-attempt',
  'background/failures',
  'background/task',
  'background/turns',
  'background/fair-lookup',
  'background/expiry',
);
