// Starts on databases of all kinds.

import { runFiles } from '../../helpers/run-files.ts';

runFiles('postgres/start');
