// One stream for many boards.

import { runFiles } from '../helpers/run-files.ts';

runFiles('streams/many-boards', 'streams/many-boards-beside', 'streams/opening/many-event-pages');
