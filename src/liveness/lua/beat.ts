// Renews a lease, late or not, as long as nobody has declared the node dead.
//
// KEYS[1] prefix
// ARGV[1] incarnation
// ARGV[2] lease in ms
// ARGV[3] revision that the node believes was written last, -1 if it does not know
// ARGV[4] how many streams the node believes are registered
// Answers 'lost' (the lease is gone: take a new one), 'differs' (renewed, but what is registered is not what the node
// believes: a batch was lost with a connection, or Redis lost its last writes in a failover) or 'kept'.

import { keepCalm, now } from './shared.ts';

export const beatScript = `${now}${keepCalm}
if not redis.call('ZSCORE', KEYS[1] .. ':nodes', ARGV[1]) then return 'lost' end
keepCalm(tonumber(ARGV[2]))
redis.call('ZADD', KEYS[1] .. ':nodes', now + ARGV[2], ARGV[1])
if redis.call('HGET', KEYS[1] .. ':revisions', ARGV[1]) ~= ARGV[3] then return 'differs' end
if redis.call('HLEN', KEYS[1] .. ':n:' .. ARGV[1]) ~= tonumber(ARGV[4]) then return 'differs' end
return 'kept'
`;
