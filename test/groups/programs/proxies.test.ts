// Proxies in front of nodes.

import { runFiles } from '../../helpers/run-files.ts';

runFiles('paths/nginx-two-nodes');
