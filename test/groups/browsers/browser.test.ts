// A real browser, which all of its tests share.

import { runFiles } from '../../helpers/run-files.ts';

runFiles('client/browser', 'client/documented-page', 'client/writes/browser');
