// A PostgreSQL that crashes, stops, or is replaced.

import { runFiles } from '../../helpers/run-files.ts';

runFiles('paths/postgres-fails-over', 'paths/postgres-crashes', 'paths/postgres-stops');
