// Runs before the first test file.

import { startCluster } from './test-cluster.ts';

await startCluster();
// The server goes on without this process, and would be told to end with it.
process.removeAllListeners('exit');
process.exit();
