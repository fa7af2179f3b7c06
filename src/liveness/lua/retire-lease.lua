-- Gives up a node's own lease, so that its streams can be taken at once.
--
-- KEYS[1] nodes, KEYS[2] revisions, KEYS[3] retired, KEYS[4] dying
-- ARGV[1] incarnation
-- ARGV[2] how soon its clients were told to come back (ms)

local nodes, revisions, retired, dying = unpack(KEYS)
if redis.call('ZREM', nodes, ARGV[1]) == 1 then
  redis.call('HDEL', revisions, ARGV[1])
  redis.call('HSET', retired, ARGV[1], ARGV[2])
  redis.call('HSETNX', dying, ARGV[1], 0)
end
