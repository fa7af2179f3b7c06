// What others are told by HTTP.

import { runFiles } from '../helpers/run-files.ts';

runFiles(
  'webhooks/routes',
  'webhooks/delivery',
  'webhooks/presence',
  'webhooks/reach',
  'webhooks/nodes',
  'webhooks/documented',
);
