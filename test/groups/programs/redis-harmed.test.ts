// A Redis that is harmed.

import { runFiles } from '../../helpers/run-files.ts';

runFiles('paths/redis-hangs', 'paths/redis-stops', 'paths/redis-flushed');
