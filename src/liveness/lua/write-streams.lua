-- Registers and removes a batch of one node's streams, in order.
--
-- KEYS[1] revisions, KEYS[2] what the incarnation holds, KEYS[3] changes
-- KEYS[4], KEYS[5] … streams and users of each board that is named by ARGV
-- ARGV[1] incarnation
-- ARGV[2] revision that was written last; the batch becomes the next one
-- ARGV[3], ARGV[4], ARGV[5] … triples of a stream, the number of its board, from 1, and its 'board|user', or, to remove
-- it, how soon its client was told to come back (ms), '' if nothing is known
-- Answers how many streams the incarnation holds now, or -1 if nothing was written: the revision is another (a batch
-- given up on long ago, that Redis reads late), or none as the lease is gone (streams without one are never reaped).
--
-- A stream that is held by an earlier incarnation of its node, which is being reaped, changes hands without a leave
-- and a join: the user never left.

local revisions, held, changes = unpack(KEYS, 1, 3)
local incarnation = ARGV[1]
if redis.call('HGET', revisions, incarnation) ~= ARGV[2] then return -1 end

local function add(keys, stream, value)
  local board, user = string.match(value, '^(.-)|(.*)$')
  redis.call('HSET', held, stream, value)
  local isNew = redis.call('HSET', keys.streams, stream, user .. '|' .. incarnation) == 1
  if isNew and redis.call('HINCRBY', keys.users, user, 1) == 1 then
    announce(changes, 'join', board, user, '')
  end
end

for i = 3, #ARGV, 3 do
  local stream, board, value = ARGV[i], 2 + 2 * ARGV[i + 1], ARGV[i + 2]
  local keys = { held = held, changes = changes, streams = KEYS[board], users = KEYS[board + 1] }
  if string.find(value, '|', 1, true) then add(keys, stream, value) else drop(keys, incarnation, stream, value) end
end
redis.call('HINCRBY', revisions, incarnation, 1)
return redis.call('HLEN', held)
