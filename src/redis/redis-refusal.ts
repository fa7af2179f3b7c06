// What Redis says when it answers but does not do what is asked: in words of the settings, with the cure.

/** Redis is there and refuses; the message is one line that names the setting and says what to do. */
export class RedisRefusedError extends Error {
  override readonly name = 'RedisRefusedError';
}

/** Pass by themselves: while it loads its data, is busy, elects a master, becomes a replica, or has too many clients. */
const passingReplies =
  /^(LOADING|MASTERDOWN|BUSY|TRYAGAIN|CLUSTERDOWN|NOREPLICAS|UNBLOCKED)\b|max number of clients reached/;

/** Of a Redis Cluster, which names its masters itself: until all its nodes and this one have heard who they are now. */
const passingInCluster = /^(READONLY|MOVED|ASK)\b/;

/** What Redis says, and what that means. The first one counts. */
const replies: Array<[pattern: RegExp, meaning: string]> = [
  [/^WRONGPASS|invalid password/, 'REDIS_URL is refused: its user or password is wrong.'],
  [/^NOAUTH/, 'REDIS_URL has no password and this Redis wants one: redis://user:password@host:6379.'],
  [
    /^DENIED|running in protected mode/,
    'REDIS_URL: this Redis is in protected mode and lets in its own machine only: give it a password (ACL SETUSER, or ' +
      'requirepass) and put that into REDIS_URL.',
  ],
  [
    /^NOPERM.*\bkeys\b/,
    'REDIS_PREFIX: the user of REDIS_URL may not use keys that begin with it: give it the rights of docs/redis.md ' +
      '(ACL SETUSER), or set the prefix that it has.',
  ],
  [
    /^NOPERM|can't run this command|can't access at least one/,
    'REDIS_URL: its user lacks a right: give it those of docs/redis.md (ACL SETUSER); ACL LOG of Redis names what it lacked.',
  ],
  [/^READONLY/, 'REDIS_URL leads to a replica, which takes no writes: name the master.'],
  [
    /^OOM/,
    'REDIS_URL: this Redis is full (maxmemory): give it more memory, or remove what others keep there. Teamboard needs a ' +
      'few megabytes.',
  ],
  [
    /^MISCONF/,
    'REDIS_URL: this Redis takes no writes since it cannot save its data: look into its log (a full disk, most often), ' +
      'or let it go on without (config set stop-writes-on-bgsave-error no).',
  ],
  [
    /DB index is out of range|SELECT is not allowed/,
    'REDIS_URL names a database that this Redis does not have: end it with /0, or with nothing.',
  ],
  [
    /^(MOVED|ASK|CROSSSLOT)\b/,
    'REDIS_URL leads to one node of a Redis Cluster: begin it with redis+cluster:// (rediss+cluster:// with TLS).',
  ],
  [
    /cluster support disabled/,
    'REDIS_URL names a Redis Cluster, and this is a single server: begin it with redis:// and name one host.',
  ],
];

const connectionErrors: Array<[pattern: RegExp, meaning: string]> = [
  [
    /^(CERT_|DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)|ERR_TLS_CERT)/,
    'REDIS_URL: the certificate of this Redis is not trusted: set NODE_EXTRA_CA_CERTS to the file of the authority that ' +
      'signed it, and use the host that it names.',
  ],
  [
    /^(EACCES|ENOTSOCK|EPERM)/,
    'REDIS_URL: this process may not use that Unix socket: mend its mode (unixsocketperm) or its path.',
  ],
];

/**
 * @param isCluster whether it comes from a Redis Cluster; default no
 * @returns one line for what somebody has to mend; undefined for what passes, and for what Redis has not said
 */
export function explainRefusal(error: Error | undefined, isCluster = false): string | undefined {
  if (!error) return undefined;
  if (error instanceof RedisRefusedError) return error.message;
  const { name, message } = error;
  const isReply = name === 'ReplyError';
  if (isReply && (passingReplies.test(message) || (isCluster && passingInCluster.test(message)))) return undefined;
  const { code = '' } = error as NodeJS.ErrnoException;
  const table = isReply ? replies : connectionErrors;
  const found = table.find(([pattern]) => pattern.test(isReply ? message : `${code} ${message}`));
  if (found) return found[1];
  return isReply ? `REDIS_URL: this Redis refuses: ${message.split('\n')[0]}` : undefined;
}
