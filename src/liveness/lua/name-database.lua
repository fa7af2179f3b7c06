-- Says on which database a node is. What was not said again in time is forgotten.
--
-- KEYS[1] databases
-- ARGV[1] that of the node
-- ARGV[2] for how long that holds, in ms
-- Answers all that are in use.

local databases = KEYS[1]
for _, old in ipairs(redis.call('ZRANGEBYSCORE', databases, '-inf', now)) do redis.call('ZREM', databases, old) end
redis.call('ZADD', databases, now + ARGV[2], ARGV[1])
return redis.call('ZRANGEBYSCORE', databases, now, '+inf')
