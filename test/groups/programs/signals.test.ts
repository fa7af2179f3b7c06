// The process, and the signals that end it.

import { runFiles } from '../../helpers/run-files.ts';

runFiles('paths/sigterm-under-load', 'paths/process');
