// Clients and nodes that go without a word.

import { runFiles } from '../../helpers/run-files.ts';

runFiles('paths/client-stalls', 'paths/client-vanishes', 'paths/node-killed', 'paths/node-paused', 'paths/two-nodes');
