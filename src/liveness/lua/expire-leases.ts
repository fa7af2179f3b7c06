// Declares nodes dead whose lease has run out, and says whose streams are to be taken.
//
// KEYS[1] prefix
// ARGV[1] incarnation of the node that asks
// ARGV[2] lease in ms
// Answers the incarnations that are dying, of whoever has declared them dead.
//
// Declares nobody dead while it is calm (see keepCalm), nor for a node whose own lease was not renewed within half a
// lease: a hung Redis executes this late, before the beats of all others, and a node that was paused would judge
// by a lease that is as old as theirs.

import { now } from './shared.ts';

export const expireLeasesScript = `${now}
local nodes, dying = KEYS[1] .. ':nodes', KEYS[1] .. ':dying'
local own = redis.call('ZSCORE', nodes, ARGV[1])
if own and own - now > ARGV[2] / 2 and redis.call('EXISTS', KEYS[1] .. ':calm') == 0 then
  for _, incarnation in ipairs(redis.call('ZRANGEBYSCORE', nodes, '-inf', now)) do
    redis.call('ZREM', nodes, incarnation)
    redis.call('HDEL', KEYS[1] .. ':revisions', incarnation)
    redis.call('HSETNX', dying, incarnation, 0)
  end
end
return redis.call('HKEYS', dying)
`;
