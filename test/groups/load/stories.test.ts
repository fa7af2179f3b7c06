// Thousands of stories of pages, tabs and networks.

import { runFiles } from '../../helpers/run-files.ts';

runFiles('client/writes/property', 'client/tabs-property');
