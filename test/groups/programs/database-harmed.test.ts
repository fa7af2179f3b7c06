// A database that takes nothing more.

import { runFiles } from '../../helpers/run-files.ts';

runFiles('paths/log-cannot-be-written', 'paths/disk-full', 'paths/notify-queue-fills', 'paths/logical-replication');
