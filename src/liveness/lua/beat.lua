-- Renews a lease, late or not, as long as nobody has declared the node dead.
--
-- KEYS[1] nodes, KEYS[2] revisions, KEYS[3] calm, KEYS[4] what the incarnation holds
-- ARGV[1] incarnation
-- ARGV[2] lease in ms
-- ARGV[3] revision that the node believes was written last, -1 if it does not know
-- ARGV[4] how many streams the node believes are registered
-- Answers 'lost' (the lease is gone: take a new one), 'differs' (renewed, but what is registered is not what the node
-- believes: a batch was lost with a connection, or Redis lost its last writes in a failover) or 'kept'.

local nodes, revisions, calm, held = unpack(KEYS)
if not redis.call('ZSCORE', nodes, ARGV[1]) then return 'lost' end
keepCalm(nodes, calm, tonumber(ARGV[2]))
redis.call('ZADD', nodes, now + ARGV[2], ARGV[1])
if redis.call('HGET', revisions, ARGV[1]) ~= ARGV[3] then return 'differs' end
if redis.call('HLEN', held) ~= tonumber(ARGV[4]) then return 'differs' end
return 'kept'
