// The token of the application beside this server, which does for its users what they cannot do for themselves.

import { Problem } from '../problems/problem.ts';
import type { Caller } from './caller.ts';

/** @throws Problem TB_FORBIDDEN for everybody else */
export function assertApplication({ isApplication }: Caller): void {
  if (isApplication) return;
  const detail = 'Only the application does this, by a token of its own: teamboard token --application makes one.';
  throw new Problem('TB_FORBIDDEN', detail);
}
