-- Declares nodes dead whose lease has run out, and says whose streams are to be taken.
--
-- KEYS[1] nodes, KEYS[2] revisions, KEYS[3] calm, KEYS[4] dying
-- ARGV[1] incarnation of the node that asks
-- ARGV[2] lease in ms
-- Answers the incarnations that are dying, of whoever has declared them dead.
--
-- Declares nobody dead while it is calm (see keep-calm.lua), nor for a node whose own lease was not renewed within half a
-- lease: a hung Redis executes this late, before the beats of all others, and a node that was paused would judge
-- by a lease that is as old as theirs.

local nodes, revisions, calm, dying = unpack(KEYS)
local own = redis.call('ZSCORE', nodes, ARGV[1])
if own and own - now > ARGV[2] / 2 and redis.call('EXISTS', calm) == 0 then
  for _, incarnation in ipairs(redis.call('ZRANGEBYSCORE', nodes, '-inf', now)) do
    redis.call('ZREM', nodes, incarnation)
    redis.call('HDEL', revisions, incarnation)
    redis.call('HSETNX', dying, incarnation, 0)
  end
end
return redis.call('HKEYS', dying)
