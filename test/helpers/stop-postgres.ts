// Runs after the last test file.

import { stopCluster } from './test-cluster.ts';

await stopCluster();
