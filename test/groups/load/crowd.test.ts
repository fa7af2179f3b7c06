// A crowd on one board.

import { runFiles } from '../../helpers/run-files.ts';

runFiles('presence/crowd');
