// Requests that are drawn.

import { runFiles } from '../../helpers/run-files.ts';

runFiles('fuzz/fuzz');
