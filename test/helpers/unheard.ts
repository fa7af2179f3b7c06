// For tests of what may fail, where nobody has to hear of it.

import type { Failures } from '../../src/background/failures.ts';

export const unheard: Failures = { failed() {}, worked() {} };
