// Gives up a node's own lease, so that its streams can be taken at once.
//
// KEYS[1] prefix
// ARGV[1] incarnation
// ARGV[2] how soon its clients were told to come back (ms)

export const retireLeaseScript = `
if redis.call('ZREM', KEYS[1] .. ':nodes', ARGV[1]) == 1 then
  redis.call('HDEL', KEYS[1] .. ':revisions', ARGV[1])
  redis.call('HSET', KEYS[1] .. ':retired', ARGV[1], ARGV[2])
  redis.call('HSETNX', KEYS[1] .. ':dying', ARGV[1], 0)
end
`;
