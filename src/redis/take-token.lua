-- KEYS[1] the bucket
-- ARGV[1] milliseconds in which one token comes back
-- ARGV[2] milliseconds in which an empty bucket is full again
-- Takes a token and answers 0; else how many milliseconds it takes until there is one. As `RateLimit`: kept is when the
-- bucket will be full, by the time of Redis, so that no node's clock matters.

local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local fullAt = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0')) + ARGV[1]
local wait = fullAt - now - ARGV[2]
if wait > 0.001 then return math.ceil(wait) end
redis.call('SET', KEYS[1], string.format('%.3f', fullAt), 'PX', math.ceil(fullAt - now))
return 0
