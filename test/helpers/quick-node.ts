// The command `serve`, with the timings that it is given as JSON. Run in a process of its own.

import { serve } from '../../src/server.ts';

await serve(JSON.parse(process.argv[2] ?? ''));
