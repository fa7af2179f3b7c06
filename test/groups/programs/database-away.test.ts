// A database that a node does not reach, or waits for.

import { runFiles } from '../../helpers/run-files.ts';

runFiles('paths/postgres-unreachable', 'paths/pool-exhausted', 'paths/head-row-locked', 'paths/backends-terminated');
