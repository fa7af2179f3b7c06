// What all routes share.

import { runFiles } from '../helpers/run-files.ts';

runFiles(
  'http/cross-site',
  'http/behind-proxy',
  'http/trusted-proxies',
  'http/spellings',
  'http/rate-limits',
  'ops/metrics',
  'logging/request-log',
);
