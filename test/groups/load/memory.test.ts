// What a node may keep for who does not read.

import { runFiles } from '../../helpers/run-files.ts';

runFiles('output/unread-memory');
