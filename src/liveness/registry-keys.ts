// The names of the registry's keys. An entry is `stream:board`: a stream of many boards has one for each, and all that the
// scripts call a stream is such an entry.
//
//   nodes      ZSET   incarnation -> when its lease expires (ms, Redis time)
//   revisions  HASH   incarnation -> how many batches of streams it has written
//   held       HASH   entry -> board|user         what a node holds; read by the reaper
//   streams    HASH   entry -> user|incarnation   of a board: the truth about a stream; read by list()
//   users      HASH   user -> open streams        of a board, so that join and leave need no walk over it
//   dying      HASH   incarnation -> streams taken from it so far
//   retired    HASH   incarnation that gave up its lease -> how soon its clients were told to come back (ms)
//   changes    STREAM joins and leaves, about the last 100,000
//   databases  ZSET   which databases nodes are on -> until when that holds (ms, Redis time)
//   calm       STRING exists while nobody may be declared dead

export interface RegistryKeys {
  nodes: string;
  revisions: string;
  dying: string;
  retired: string;
  changes: string;
  databases: string;
  calm: string;
  held(incarnation: string): string;
  streams(boardId: string): string;
  users(boardId: string): string;
}

/**
 * All of them lie in one slot of a Redis Cluster, as one script changes several: the load of a whole installation is
 * ten commands a second for fifty nodes. Which slot differs from installation to installation.
 *
 * @param prefix begins every key, so that a user's rights can be bound to it
 */
export function registryKeys(prefix: string): RegistryKeys {
  const root = `${prefix}:{${prefix}}`;
  return {
    nodes: `${root}:nodes`,
    revisions: `${root}:revisions`,
    dying: `${root}:dying`,
    retired: `${root}:retired`,
    changes: `${root}:changes`,
    databases: `${root}:databases`,
    calm: `${root}:calm`,
    held: (incarnation) => `${root}:node:${incarnation}`,
    streams: (boardId) => `${root}:board:${boardId}`,
    users: (boardId) => `${root}:users:${boardId}`,
  };
}
