-- Makes a new incarnation known, with nothing registered yet.
--
-- KEYS[1] nodes, KEYS[2] revisions, KEYS[3] calm
-- ARGV[1] incarnation, never used before
-- ARGV[2] lease in ms

local nodes, revisions, calm = unpack(KEYS)
keepCalm(nodes, calm, tonumber(ARGV[2]))
redis.call('ZADD', nodes, now + ARGV[2], ARGV[1])
redis.call('HSET', revisions, ARGV[1], 0)
