// What a command is given by the process that it runs in.

import type { Readable, Writable } from 'node:stream';

export interface Context {
  /** As in `process.env`. */
  environment: Record<string, string | undefined>;
  input: Readable;
  output: Writable & { isTTY?: boolean; columns?: number };
  errors: Writable & { isTTY?: boolean };
  /** Aborted by Ctrl-C, for what goes on until somebody ends it. */
  stopping: AbortSignal;
}
