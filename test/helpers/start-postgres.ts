// Runs before the first test file.

import { startCluster } from './test-cluster.ts';

await startCluster();
// The server goes on without this process.
process.exit();
