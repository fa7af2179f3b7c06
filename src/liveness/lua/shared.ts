// Pieces of Lua that several scripts begin with, so that a key's name and a count's rule stand in one place.
//
// KEYS[1] of every script is the prefix with its hash tag, `{tb}`: all keys lie in one slot. Under it:
//   :nodes            ZSET   incarnation -> when its lease expires (ms, Redis time)
//   :revisions        HASH   incarnation -> how many batches of streams it has written
//   :n:<incarnation>  HASH   stream -> board|user       what a node holds; read by the reaper
//   :b:<board>        HASH   stream -> user|incarnation  the truth about a stream; read by list()
//   :bu:<board>       HASH   user -> open streams        so that join and leave need no walk over the board
//   :dying            HASH   incarnation -> streams taken from it so far
//   :retired          HASH   incarnation that gave up its lease -> how soon its clients were told to come back (ms)
//   :ev               STREAM joins and leaves, about the last 100,000
//   :calm             STRING exists while nobody may be declared dead

/** `now` in milliseconds. Only Redis' clock counts: the nodes' may be wrong, or stand still. */
export const now = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

/**
 * `keepCalm(leaseMs)`: before a lease is renewed. If no lease in the whole registry was renewed within half a lease,
 * Redis itself was away, and every lease has aged without anyone's fault. So nobody is declared dead for one lease.
 */
export const keepCalm = `
local function keepCalm(leaseMs)
  local newest = redis.call('ZREVRANGE', KEYS[1] .. ':nodes', 0, 0, 'WITHSCORES')[2]
  if not newest or newest - now < leaseMs / 2 then
    redis.call('SET', KEYS[1] .. ':calm', 1, 'PX', leaseMs)
  end
end
`;

/**
 * `announce(action, board, user, back)`: in the script that changes the count, or a crash would lose one of the two.
 * `back` is how soon the user was told to come back (ms), '' if nothing is known.
 */
export const announce = `
local function announce(action, board, user, back)
  redis.call('XADD', KEYS[1] .. ':ev', 'MAXLEN', '~', 100000, '*',
    'action', action, 'board', board, 'user', user, 'back', back)
end
`;

/** `drop(incarnation, stream, back)`: takes it out, unless another incarnation has taken it over. Needs `announce`. */
export const drop = `
local function drop(incarnation, stream, back)
  local held = redis.call('HGET', KEYS[1] .. ':n:' .. incarnation, stream)
  if not held then return end
  redis.call('HDEL', KEYS[1] .. ':n:' .. incarnation, stream)
  local board, user = string.match(held, '^(.-)|(.*)$')
  local streams = KEYS[1] .. ':b:' .. board
  if redis.call('HGET', streams, stream) ~= user .. '|' .. incarnation then return end
  redis.call('HDEL', streams, stream)
  if redis.call('HINCRBY', KEYS[1] .. ':bu:' .. board, user, -1) <= 0 then
    redis.call('HDEL', KEYS[1] .. ':bu:' .. board, user)
    announce('leave', board, user, back)
  end
end
`;
