// Who has a board open, and which streams there are.

import { runFiles } from '../helpers/run-files.ts';

runFiles(
  'presence/outages',
  'presence/presence',
  'liveness/redis-outages',
  'liveness/redis-stream-registry',
  'liveness/stream-registry',
  'liveness/heartbeat',
);
