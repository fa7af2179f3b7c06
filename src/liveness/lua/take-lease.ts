// Makes a new incarnation known, with nothing registered yet.
//
// KEYS[1] prefix
// ARGV[1] incarnation, never used before
// ARGV[2] lease in ms

import { keepCalm, now } from './shared.ts';

export const takeLeaseScript = `${now}${keepCalm}
keepCalm(tonumber(ARGV[2]))
redis.call('ZADD', KEYS[1] .. ':nodes', now + ARGV[2], ARGV[1])
redis.call('HSET', KEYS[1] .. ':revisions', ARGV[1], 0)
`;
