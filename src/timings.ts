// How often a node looks, and how long it waits, where no operator has to choose: the bounds that DESIGN.md promises
// follow from these. One argument of `buildApp`, so that tests of faults need not wait as long as a fault may last.

export interface Timings {
  /** Of each connection outside of the pools. */
  connections: {
    /** How often one is asked something, which a half-open one does not answer. */
    probeMs: number;
    /** How long an answer may take. */
    answerMs: number;
  };
  streams: {
    /** How often all heads are compared: the bound on what a lost wake-up costs (E4). */
    headSweepMs: number;
    /** How long a board without streams is kept, for those who reconnect or turn the page. */
    boardLingerMs: number;
  };
  access: {
    /** How often all sessions and tokens are looked up: the bound on what a lost announcement costs (E6). */
    sweepMs: number;
  };
  /** Of nodes that share a Redis. All must agree. */
  leases: {
    /** How long a node that is silent counts as alive. */
    leaseMs: number;
    /** How often the lease is renewed; at most a quarter of it. */
    beatMs: number;
    /** How often a node looks for dead ones. */
    reapMs: number;
  };
  vanishedClients: {
    /**
     * Before the first probe of an idle connection; Linux knows whole seconds. Below the interval of heartbeats, so that
     * it is probed before the next one: once data waits for an acknowledgement, no more probes are sent.
     */
    keepAliveIdleMs: number;
    /** How often the kernel is asked for packets without an answer. */
    lookMs: number;
    /** How long a connection may be suspect, without an answer in between. */
    silenceMs: number;
  };
  output: {
    /** How long a client may take nothing at all while something waits for it. */
    stallMs: number;
  };
  requests: {
    /** How long the head of a request may take. */
    headMs: number;
    /** How often the heads are looked at. */
    headLookMs: number;
    /** How long a body may bring nothing, and has before its rate counts. */
    bodySilenceMs: number;
    /** How often the bodies are looked at. */
    bodyLookMs: number;
    /** How long requests under way may take to finish when the node closes. */
    finishMs: number;
  };
  issuerKeys: {
    /** After a reading, before an unknown key is a reason for the next: anybody can make up names of keys. */
    cooldownMs: number;
    /** After a reading that failed. */
    retryMs: number;
    /** How long an address may take to show them. */
    answerMs: number;
  };
  presence: {
    /** When a stream that had no room, a registry or a database that was away, is tried again. */
    retryMs: number;
  };
  webhooks: {
    /** How long a node that is silent keeps those that it tells; more than an attempt may take. */
    leaseMs: number;
    /** How often the lease is renewed, and all of them are looked at: the bound on what a lost wake-up costs. */
    roundMs: number;
    /** How long a connection to a receiver may take. */
    connectMs: number;
    /** How long an attempt may take, to the end of the answer. */
    answerMs: number;
    /** After the first failure, at most: twice as long after each that follows. */
    retryFirstMs: number;
    retryLastMs: number;
    /** For how long nothing may be taken before it is paused. */
    giveUpMs: number;
  };
}

export const timings: Readonly<Timings> = Object.freeze({
  connections: { probeMs: 5000, answerMs: 2000 },
  streams: { headSweepMs: 5000, boardLingerMs: 10_000 },
  access: { sweepMs: 5000 },
  leases: { leaseMs: 8000, beatMs: 2000, reapMs: 500 },
  vanishedClients: { keepAliveIdleMs: 4000, lookMs: 5000, silenceMs: 15_000 },
  output: { stallMs: 30_000 },
  requests: { headMs: 6000, headLookMs: 1000, bodySilenceMs: 8000, bodyLookMs: 1000, finishMs: 1500 },
  issuerKeys: { cooldownMs: 5000, retryMs: 2000, answerMs: 3000 },
  presence: { retryMs: 500 },
  webhooks: {
    leaseMs: 30_000,
    roundMs: 5000,
    connectMs: 5000,
    answerMs: 15_000,
    retryFirstMs: 2000,
    retryLastMs: 3_600_000,
    giveUpMs: 86_400_000,
  },
});
