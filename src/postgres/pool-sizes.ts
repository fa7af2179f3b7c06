// How many connections to PostgreSQL a node has at most.

export const poolSizes = { requests: 10, log: 2, live: 2 };

/** The listener, the notifier, and that of the broadcasts. */
const DEDICATED = 3;

export const connectionsOfNode = Object.values(poolSizes).reduce((sum, size) => sum + size, DEDICATED);
