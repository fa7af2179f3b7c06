-- drop(keys, incarnation, stream, back): takes a stream out of keys.held, and out of the streams and users of its board
-- unless another incarnation has taken it over. Answers 1, or 0 if it was not held. Needs announce.lua.

local function drop(keys, incarnation, stream, back)
  local held = redis.call('HGET', keys.held, stream)
  if not held then return 0 end
  redis.call('HDEL', keys.held, stream)
  local board, user = string.match(held, '^(.-)|(.*)$')
  if redis.call('HGET', keys.streams, stream) ~= user .. '|' .. incarnation then return 1 end
  redis.call('HDEL', keys.streams, stream)
  if redis.call('HINCRBY', keys.users, user, -1) <= 0 then
    redis.call('HDEL', keys.users, user)
    announce(keys.changes, 'leave', board, user, back)
  end
  return 1
end
