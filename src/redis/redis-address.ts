// Reads REDIS_URL: one server, or the nodes of a Redis Cluster that are asked for the others.

/** An address that cannot be used. The message goes on after the name of a setting, and repeats nothing of the address. */
export class RedisAddressError extends Error {
  override readonly name = 'RedisAddressError';
}

export type RedisAddress = {
  /** None for a Unix socket. */
  nodes: Array<{ host: string; port: number }>;
  tls: boolean;
} & (
  | {
      kind: 'server';
      /** As ioredis reads it. */
      url: string;
    }
  | { kind: 'cluster'; username: string | undefined; password: string | undefined }
);

const DEFAULT_PORT = 6379;
const scheme = /^(rediss?)(\+cluster)?:\/\//i;

/**
 * A Redis Cluster is `redis+cluster://` or several addresses, separated by commas, of which the later ones may be a host
 * and port alone.
 *
 * @throws RedisAddressError when it is none
 */
export function readRedisAddress(text: string): RedisAddress {
  if (text.startsWith('/')) return { kind: 'server', url: text, nodes: [], tls: false };
  const addresses = text.split(/,\s*(?=rediss?(?:\+cluster)?:\/\/)/i).map(readOne);
  const [first] = addresses;
  if (!first) throw wrong('');
  const { tls, username, password } = first;
  const nodes = addresses.flatMap(({ hosts }) => hosts);
  if (!first.isCluster && nodes.length === 1) return { kind: 'server', url: text, nodes, tls };
  for (const other of addresses.slice(1)) {
    const isSameUser = other.userInfo === undefined || other.userInfo === first.userInfo;
    if (other.tls !== tls || !isSameUser || (other.isCluster && !first.isCluster)) {
      throw wrong(' Several addresses are nodes of one Redis Cluster: all begin alike, with one user and password.');
    }
  }
  if (addresses.some(({ database }) => database)) {
    throw wrong(' A Redis Cluster has no numbered databases: leave out what follows the host and port.');
  }
  return { kind: 'cluster', nodes, tls, username, password };
}

function readOne(text: string) {
  const start = scheme.exec(text);
  if (!start) throw wrong('');
  const isCluster = start[2] !== undefined;
  const tls = start[1]?.toLowerCase() === 'rediss';
  const rest = text.slice(start[0].length);
  const [, userInfo, list = '', path = ''] = /^(?:(.*)@)?([^@/?#]*)(.*)$/s.exec(rest) ?? [];
  const hosts = list.split(',').map((item) => readHost(item.trim()));
  if (!/^(\/\d*)?(\?[^#]*)?$/.test(path) || /[/?#]/.test(userInfo ?? '')) {
    throw wrong(' In a password, @ / ? # and % are written %40 %2F %3F %23 and %25.');
  }
  const [username, password] = readUserInfo(userInfo);
  return { isCluster, tls, hosts, userInfo, username, password, database: /^\/?0?$/.test(path) ? '' : path };
}

function readHost(text: string): { host: string; port: number } {
  const [, bracketed, name, port = `${DEFAULT_PORT}`] =
    /^(?:\[([0-9a-f:.]+)\]|([^\s:[\]]*))(?::(\d{1,5}))?$/i.exec(text) ?? [];
  const host = bracketed ?? name;
  if (!host || Number(port) > 65_535) throw wrong('');
  return { host, port: Number(port) };
}

function readUserInfo(text: string | undefined): [username: string | undefined, password: string | undefined] {
  if (text === undefined) return [undefined, undefined];
  const colon = text.indexOf(':');
  const [username, password] = colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)];
  try {
    return [decodeURIComponent(username) || undefined, decodeURIComponent(password) || undefined];
  } catch {
    throw wrong(' In a user or password, % is written %25.');
  }
}

function wrong(more: string): RedisAddressError {
  return new RedisAddressError(
    `must be an address like redis://user:password@host:6379/0 (rediss:// with TLS), the path of a Unix ` +
      `socket, or redis+cluster://host:6379,host:6379.${more}`,
  );
}
