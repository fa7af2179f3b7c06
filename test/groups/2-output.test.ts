// What waits for clients.

import { runFiles } from '../helpers/run-files.ts';

runFiles('output/budget', 'output/unread-answers', 'output/unread-snapshots');
