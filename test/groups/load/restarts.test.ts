// Nodes that are restarted or killed under load.

import { runFiles } from '../../helpers/run-files.ts';

runFiles('paths/rolling-restart', 'published/writers');
