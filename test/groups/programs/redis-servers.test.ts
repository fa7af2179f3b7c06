// Redis as there is.

import { runFiles } from '../../helpers/run-files.ts';

runFiles('redis/cluster', 'redis/refusals', 'redis/rights');
