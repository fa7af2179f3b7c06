// A stream over a real socket.

import { runFiles } from '../helpers/run-files.ts';

runFiles('streams/stream', 'streams/untold-events', 'paths/client-resets', 'paths/client-reads-byte-by-byte');
