-- now, in milliseconds. Only Redis' clock counts: the nodes' may be wrong, or stand still.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
