// Registers and removes a batch of one node's streams, in order.
//
// KEYS[1] prefix
// ARGV[1] incarnation
// ARGV[2] revision that was written last; the batch becomes the next one
// ARGV[3], ARGV[4] … pairs of a stream and its 'board|user', or, to remove it, how soon its client was told to
// come back (ms), '' if nothing is known
// Answers how many streams the incarnation holds now, or -1 if nothing was written: the revision is another (a batch
// given up on long ago, that Redis reads late), or none as the lease is gone (streams without one are never reaped).
//
// A stream that is held by an earlier incarnation of its node, which is being reaped, changes hands without a leave
// and a join: the user never left.

import { announce, drop } from './shared.ts';

export const writeStreamsScript = `${announce}${drop}
local incarnation = ARGV[1]
local held = KEYS[1] .. ':n:' .. incarnation
if redis.call('HGET', KEYS[1] .. ':revisions', incarnation) ~= ARGV[2] then return -1 end

local function add(stream, value)
  local board, user = string.match(value, '^(.-)|(.*)$')
  local streams = KEYS[1] .. ':b:' .. board
  redis.call('HSET', held, stream, value)
  local isNew = redis.call('HSET', streams, stream, user .. '|' .. incarnation) == 1
  if isNew and redis.call('HINCRBY', KEYS[1] .. ':bu:' .. board, user, 1) == 1 then
    announce('join', board, user, '')
  end
end

for i = 3, #ARGV, 2 do
  local value = ARGV[i + 1]
  if string.find(value, '|', 1, true) then add(ARGV[i], value) else drop(incarnation, ARGV[i], value) end
end
redis.call('HINCRBY', KEYS[1] .. ':revisions', incarnation, 1)
return redis.call('HLEN', held)
`;
