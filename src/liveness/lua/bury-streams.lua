-- Takes some of a dying incarnation's streams out, with their leaves.
--
-- KEYS[1] dying, KEYS[2] retired, KEYS[3] what the incarnation holds, KEYS[4] changes
-- KEYS[5], KEYS[6] … streams and users of each board that is named by ARGV
-- ARGV[1] incarnation
-- ARGV[2], ARGV[3] … pairs of a stream that it held a moment ago and the number of its board, from 1. So few that one
-- call holds up Redis for a millisecond and not for a hundred
-- Answers nil if the incarnation is not dying (any more), else { 1 if those were the last ones or 0, streams taken
-- from it so far by all callers }. Several may call at once: each stream is taken by one.
--
-- Who was on a node whose lease has expired had one lease to come back, and is not waited for any longer.

local dying, retired, held, changes = unpack(KEYS, 1, 4)
if redis.call('HEXISTS', dying, ARGV[1]) == 0 then return false end
local back = redis.call('HGET', retired, ARGV[1]) or 0
local dropped = 0
for i = 2, #ARGV, 2 do
  local board = 3 + 2 * ARGV[i + 1]
  local keys = { held = held, changes = changes, streams = KEYS[board], users = KEYS[board + 1] }
  dropped = dropped + drop(keys, ARGV[1], ARGV[i], back)
end
local taken = redis.call('HINCRBY', dying, ARGV[1], dropped)
if redis.call('EXISTS', held) == 1 then return { 0, taken } end
redis.call('HDEL', dying, ARGV[1])
redis.call('HDEL', retired, ARGV[1])
return { 1, taken }
