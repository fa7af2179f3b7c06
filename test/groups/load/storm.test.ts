// Everybody comes back at once.

import { runFiles } from '../../helpers/run-files.ts';

runFiles('paths/reconnect-storm');
