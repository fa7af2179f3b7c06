// The board application in a real browser, which all cases share.

import { runFiles } from '../../helpers/run-files.ts';

runFiles('web/web');
