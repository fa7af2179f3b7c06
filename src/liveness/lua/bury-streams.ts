// Takes some of a dying incarnation's streams out, with their leaves.
//
// KEYS[1] prefix
// ARGV[1] incarnation
// ARGV[2] how many streams at most, so that one call holds up Redis for a millisecond and not for a hundred
// Answers nil if the incarnation is not dying (any more), else { 1 if that were the last ones or 0, streams taken
// from it so far by all callers }. Several may call at once: each stream is taken by one.
//
// Who was on a node whose lease has expired had one lease to come back, and is not waited for any longer.

import { announce, drop } from './shared.ts';

export const buryStreamsScript = `${announce}${drop}
local held, dying = KEYS[1] .. ':n:' .. ARGV[1], KEYS[1] .. ':dying'
if redis.call('HEXISTS', dying, ARGV[1]) == 0 then return false end
local back = redis.call('HGET', KEYS[1] .. ':retired', ARGV[1]) or 0
local streams = redis.call('HRANDFIELD', held, ARGV[2])
for _, stream in ipairs(streams) do drop(ARGV[1], stream, back) end
local taken = redis.call('HINCRBY', dying, ARGV[1], #streams)
if redis.call('EXISTS', held) == 1 then return { 0, taken } end
redis.call('HDEL', dying, ARGV[1])
redis.call('HDEL', KEYS[1] .. ':retired', ARGV[1])
return { 1, taken }
`;
