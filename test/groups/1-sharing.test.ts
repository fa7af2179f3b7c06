// Who may do what.

import { runFiles } from '../helpers/run-files.ts';

runFiles('boards/members-and-invites', 'boards/access-matrix');
