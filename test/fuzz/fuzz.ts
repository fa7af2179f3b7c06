// Draws requests from the document of a running node, sends them, and judges what comes back.

import fc from 'fast-check';
import type { Answer } from './answers.ts';
import { ApiDocument, type OpenApi } from './api-document.ts';
import { Bystander, type Waits } from './bystander.ts';
import { exchange } from './exchange.ts';
import { type Finding, Judge, TAKES_LONG } from './judge.ts';
import { type DrawnRequest, drawConnection, encode, type WireRequest } from './requests.ts';
import { World } from './world.ts';

/** Requests that are tried to find the smallest one, and how long: one that is never answered takes its time. */
const SHRINKS = 150;
const SHRINKING_MS = 10_000;
/** An answer may take so many times what a plain one takes, and so long in any case: it may hash a password. */
const LONGEST_IN_BASELINES = 100;
const LONGEST_MS = 2000;
const BASELINE_MS = 1000;
/** What takes long takes long so many times, or the machine stood still. */
const SLOW_TURNS = 3;

export interface FuzzOptions {
  url: string;
  requests: number;
  seed: number;
  /** Bytes of the node's heap, after a collection. */
  readHeap: () => Promise<number>;
  /** Called for each kind of violation, when its smallest request is known. */
  onViolation?: (violation: Violation) => void;
}

export interface Violation extends Finding {
  /** How often it came. */
  count: number;
  /** The smallest requests of one connection that show it. */
  requests: DrawnRequest[];
}

export interface FuzzResult {
  requests: number;
  /** How many answers had each status. */
  statuses: Map<number, number>;
  violations: Violation[];
  /** Of somebody else: alone, and meanwhile. */
  waits: { alone: Waits; meanwhile: Waits };
  bystanderFaults: string[];
  /** Bytes: a third of the way, and at the end. */
  heap: { before: number; after: number };
}

export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const bystander = await Bystander.at(options.url);
  bystander.start();
  try {
    await new Promise((resolve) => setTimeout(resolve, BASELINE_MS));
    return await new Fuzz(options, bystander, await readDocument(options.url)).run();
  } finally {
    await bystander.stop();
  }
}

async function readDocument(url: string): Promise<ApiDocument> {
  const response = await fetch(`${url}/openapi.json`);
  return new ApiDocument((await response.json()) as OpenApi);
}

class Fuzz {
  readonly #options: FuzzOptions;
  readonly #document: ApiDocument;
  readonly #bystander: Bystander;
  readonly #alone: Waits;
  readonly #world: World;
  readonly #judge: Judge;
  readonly #port: number;
  readonly #statuses = new Map<number, number>();
  readonly #violations = new Map<string, Violation>();
  #requests = 0;

  constructor(options: FuzzOptions, bystander: Bystander, document: ApiDocument) {
    this.#options = options;
    this.#document = document;
    this.#bystander = bystander;
    this.#alone = bystander.take();
    this.#world = new World(options.url);
    this.#judge = new Judge(document, Math.max(LONGEST_MS, this.#alone.p99 * LONGEST_IN_BASELINES));
    this.#port = Number(new URL(options.url).port);
  }

  async run(): Promise<FuzzResult> {
    const { requests, readHeap, seed } = this.#options;
    let before = 0;
    for (let round = 0; this.#requests < requests; round += 1) {
      const third = requests / 3;
      if (before === 0 && this.#requests >= third) before = await readHeap();
      await this.#runRound(seed + round, Math.ceil(before === 0 ? third : requests - this.#requests));
    }
    const meanwhile = this.#bystander.take();
    await this.#bystander.stop();
    const after = await readHeap();
    return {
      ...{ requests: this.#requests, statuses: this.#statuses, violations: [...this.#violations.values()] },
      ...{ waits: { alone: this.#alone, meanwhile }, bystanderFaults: this.#bystander.faults, heap: { before, after } },
    };
  }

  /** Ends early with each new violation, when its smallest request is found. */
  async #runRound(seed: number, connections: number): Promise<void> {
    const connection = drawConnection(this.#document);
    let sought: string | undefined;
    let shrinks = 0;
    let shrinkUntil = Number.POSITIVE_INFINITY;
    const property = fc.asyncProperty(connection, async (drawn) => {
      if (sought !== undefined) shrinks += 1;
      if (shrinks > SHRINKS || performance.now() > shrinkUntil) return true;
      for (const finding of await this.#try(drawn)) {
        const key = `${finding.rule}: ${finding.operation}`;
        const known = this.#violations.get(key);
        if (known && key !== sought) {
          known.count += 1;
          continue;
        }
        if (sought !== undefined && key !== sought) continue;
        if (sought === undefined) shrinkUntil = performance.now() + SHRINKING_MS;
        sought = key;
        this.#violations.set(key, { ...finding, count: known?.count ?? 1, requests: drawn });
        return false;
      }
      return true;
    });
    await fc.check(property, { seed, numRuns: connections });
    const found = sought === undefined ? undefined : this.#violations.get(sought);
    if (found) this.#options.onViolation?.(found);
  }

  async #try(drawn: DrawnRequest[]): Promise<Finding[]> {
    const names = await this.#world.names();
    const requests = drawn.map((request) => encode(this.#document, request, names));
    const result = await exchange(this.#port, requests);
    this.#requests += requests.length;
    for (const [index, { status }] of result.answers.entries()) {
      this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
      const request = requests[index];
      if (request) this.#world.answered(request, status);
    }
    let findings = this.#judge.judge(requests, result);
    const isSlow = () => findings.length > 0 && findings.every(({ rule }) => rule === TAKES_LONG);
    for (let turn = 1; turn < SLOW_TURNS && isSlow(); turn += 1) {
      findings = this.#judge.judge(requests, await exchange(this.#port, requests));
    }
    if (findings.length === 0) findings.push(...(await this.#repeat(drawn, requests, result.answers)));
    return findings;
  }

  /** What was done once under a key is answered again, and not done again. */
  async #repeat(
    drawn: DrawnRequest[],
    requests: WireRequest[],
    [first]: Answer[],
    isTriedAgain = false,
  ): Promise<Finding[]> {
    const [request] = requests;
    const isKeyed = drawn[0]?.headers.some(([name]) => name === 'idempotency-key');
    // Where the first has ended the caller's access, the second finds none.
    if (!request || !first || !isKeyed || requests.length > 1 || request.method === 'DELETE' || first.status >= 300)
      return [];
    if (!['POST', 'PATCH'].includes(request.method) || request.method !== request.operation.method) return [];
    const { answers } = await exchange(this.#port, requests);
    const [second] = answers;
    const isSame = second?.status === first.status && kept(second.body) === kept(first.body);
    if (isSame && second.headers.get('idempotent-replayed') === 'true') return [];
    // A request of an earlier connection, which was left before its answer, may have signed the caller out in between.
    if (second?.status === 401 && !isTriedAgain) {
      this.#world.forget();
      const names = await this.#world.names();
      const again = drawn.map((each) => encode(this.#document, each, names));
      return this.#repeat(drawn, again, (await exchange(this.#port, again)).answers, true);
    }
    const detail = `first ${first.status} ${first.body}, then ${second?.status} ${second?.body}`.slice(0, 600);
    return [{ rule: 'a repeat with its key answers the same', operation: request.operation.title, detail }];
  }
}

/** What an answer says without the link of an invite, which is kept nowhere: a repeat gets another one. */
function kept(body: Buffer): string {
  return body.toString('utf8').replace(/^(\{"invite":.*),"token":"[\w-]+","url":"[^"]+"\}$/, '$1}');
}
