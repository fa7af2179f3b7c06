// Connections that are cut at each of their bytes.

import { runFiles } from '../../helpers/run-files.ts';

runFiles('paths/proxy-cuts-mid-event', 'paths/client-cut-while-opening', 'paths/client-cut-many-boards');
