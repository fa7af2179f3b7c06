// Which version of Teamboard this is.

import { createRequire } from 'node:module';

// By the `imports` of package.json, wherever the compiled files lie.
export const { version } = createRequire(import.meta.url)('#package.json') as { version: string };
