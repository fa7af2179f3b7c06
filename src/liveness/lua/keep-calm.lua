-- keepCalm(nodes, calm, leaseMs): before a lease is renewed. If no lease in the whole registry was renewed within half a
-- lease, Redis itself was away, and every lease has aged without anyone's fault. So nobody is declared dead for one lease.
-- Needs now.lua.

local function keepCalm(nodes, calm, leaseMs)
  local newest = redis.call('ZREVRANGE', nodes, 0, 0, 'WITHSCORES')[2]
  if not newest or newest - now < leaseMs / 2 then redis.call('SET', calm, 1, 'PX', leaseMs) end
end
