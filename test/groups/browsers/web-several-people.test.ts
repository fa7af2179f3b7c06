// The board application in real browsers, which all cases share: several people, windows, and a server that ends.

import { runFiles } from '../../helpers/run-files.ts';

runFiles('web/several-people');
