// The PostgreSQL that comes along.

import { runFiles } from '../../helpers/run-files.ts';

runFiles('postgres/embedded');
