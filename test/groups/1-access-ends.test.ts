// Until when somebody has access, and what ends with it.

import { runFiles } from '../helpers/run-files.ts';

runFiles('paths/access-ends', 'paths/clock-off', 'access/access', 'access/recent-caller', 'accounts/ended-access');
