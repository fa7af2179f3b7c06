// The board application in a real browser, which all cases share: one person.

import { runFiles } from '../../helpers/run-files.ts';

runFiles('web/one-person');
