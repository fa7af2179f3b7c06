// Everyone who uses the boards: those who write, those who read, and those who watch.

import type { Teardown } from '../helpers/teardown.ts';
import { Broadcaster } from './actors/broadcaster.ts';
import { Guest } from './actors/guest.ts';
import { HostileWriter } from './actors/hostile-writer.ts';
import { Pipeliner } from './actors/pipeliner.ts';
import { PresenceObserver } from './actors/presence-observer.ts';
import { RestWriter } from './actors/rest-writer.ts';
import { Revisitor } from './actors/revisitor.ts';
import { SqlWriter } from './actors/sql-writer.ts';
import type { FaultHistory } from './faults/faults.ts';
import type { Figures } from './figures.ts';
import type { Random } from './random.ts';
import { OpenStreams } from './readers/open-streams.ts';
import type { Reader } from './readers/reader.ts';
import { type ReaderKind, readerKinds } from './readers/reader-kinds.ts';
import { createReader, type Surroundings } from './readers/reader-maker.ts';
import { AccessJudge } from './rules/access-judge.ts';
import { Auditor } from './rules/auditor.ts';
import type { EventRecord } from './rules/event-record.ts';
import type { Ledger } from './rules/ledger.ts';
import type { Violations } from './violations.ts';
import {
  createBoards,
  createMember,
  createRevisitedBoards,
  isStill,
  type SoakBoard,
  type SoakUser,
} from './world/boards.ts';
import { type ClientProxy, type ProxyFault, startClientProxy } from './world/client-proxy.ts';
import type { Cluster } from './world/cluster.ts';
import { publishTable } from './world/published-table.ts';
import { SteadyClient } from './world/steady-client.ts';

export interface CrowdOptions {
  cluster: Cluster;
  random: Random;
  record: EventRecord;
  ledger: Ledger;
  figures: Figures;
  violations: Violations;
  history: FaultHistory;
}

export interface Crowd {
  boards: SoakBoard[];
  writers: Array<RestWriter | SqlWriter | HostileWriter | Pipeliner>;
  readers: Reader[];
  guests: Guest[];
  broadcasters: Broadcaster[];
  revisitors: Revisitor[];
  proxies: Record<ProxyFault, ClientProxy[]>;
  auditor: Auditor;
  presence: PresenceObserver;
  openStreams: OpenStreams;
}

/** That a guest stays a member of. */
const KEPT_BOARDS = 4;
/** Of a board's readers share their user with another one: joining and leaving is about users, not streams. */
const USERS_PER_READER = 0.75;

/** Makes the boards and all who use them; nobody has begun yet. What is connected ends with `t`. */
export async function gatherCrowd(t: Teardown, options: CrowdOptions): Promise<Crowd> {
  const { cluster, ledger, record, violations } = options;
  const [node] = cluster.nodes;
  if (!node) throw new Error('no node');
  const sql = steadyClient(t, options, 'soak crowd');
  const boards = await createBoards(node.url);
  await publishTable(sql);
  const boardIds = boards.map(({ id }) => id);
  const auditor = new Auditor({
    client: steadyClient(t, options, 'soak auditor'),
    boardIds,
    record,
    ledger,
    violations,
  });
  const openStreams = new OpenStreams();
  const presence = new PresenceObserver({ redisUrl: cluster.redis.url, boardIds, openStreams, violations });
  const proxies = await startProxies(t, options);
  const watching = { proxies, auditor, presence, openStreams };
  const crowd: Crowd = {
    ...{ boards, writers: [], readers: [], guests: [], broadcasters: [], revisitors: [] },
    ...watching,
  };
  for (const board of boards) {
    const join: Join = (name, ids = [board.id]) => createMember(node.url, sql, ids, `${name} of ${board.name}`);
    crowd.writers.push(...(await createWriters(t, options, board, join)));
    await addReaders(options, crowd, board, join);
    await addAuthors(options, crowd, board, join);
    await addTroublemakers(t, options, crowd, board, join);
    crowd.guests.push(...(await createGuests(options, crowd, board, sql)));
    crowd.broadcasters.push(await createBroadcaster(options, board, join));
  }
  crowd.revisitors.push(...(await createRevisitors(options, node.url)));
  return crowd;
}

/** @param boardIds default: the board that it is about */
type Join = (name: string, boardIds?: string[]) => Promise<SoakUser>;

function steadyClient(t: Teardown, { cluster }: CrowdOptions, name: string): SteadyClient {
  const client = new SteadyClient(cluster.postgres.url, name);
  t.teardown(() => client.end());
  return client;
}

async function startProxies(
  t: Teardown,
  { cluster, random, violations }: CrowdOptions,
): Promise<Record<ProxyFault, ClientProxy[]>> {
  const start = (fault: ProxyFault) =>
    Promise.all(
      cluster.nodes.map(({ port }, index) =>
        startClientProxy(t, { fault, nodePort: port, random: random.fork(index), violations }),
      ),
    );
  return { slicing: await start('slicing'), cutting: await start('cutting'), swallowing: await start('swallowing') };
}

async function createWriters(
  t: Teardown,
  options: CrowdOptions,
  board: SoakBoard,
  join: Join,
): Promise<Array<RestWriter | SqlWriter>> {
  const { cluster, random, ledger, violations } = options;
  const writers: Array<RestWriter | SqlWriter> = [];
  for (let index = 0; index < board.restWriters; index += 1) {
    const name = `${board.name.replaceAll(' ', '-')}-rest-${index}`;
    const user = await join(name);
    const own = random.fork(1000 + writers.length);
    writers.push(new RestWriter({ name, board, user, nodes: cluster.nodes, random: own, ledger, violations }));
  }
  for (let index = 0; index < board.sqlWriters; index += 1) {
    const name = `${board.name.replaceAll(' ', '-')}-sql-${index}`;
    const own = random.fork(2000 + writers.length);
    writers.push(new SqlWriter({ name, board, client: steadyClient(t, options, name), random: own, ledger }));
  }
  return writers;
}

async function addReaders(options: CrowdOptions, crowd: Crowd, board: SoakBoard, join: Join): Promise<void> {
  const kinds = readerKinds.flatMap((kind) => Array.from<ReaderKind>({ length: board.readers[kind] ?? 0 }).fill(kind));
  const users: SoakUser[] = [];
  const boardIds = crowd.boards.map(({ id }) => id);
  for (let index = 0; index < Math.ceil(kinds.length * USERS_PER_READER); index += 1) {
    users.push(await join(`reader ${index}`, boardIds));
  }
  for (const [index, kind] of kinds.entries()) {
    const user = users[index % users.length] as SoakUser;
    const random = options.random.fork(3000 + crowd.readers.length);
    crowd.readers.push(createReader(around(options, crowd), board, { name: `reader ${index}`, kind, user, random }));
  }
}

function around(options: CrowdOptions, crowd: Crowd): Surroundings {
  return { ...options, ...crowd, nodes: options.cluster.nodes };
}

/** Each writes and reads, and names its own stream. */
async function addAuthors(options: CrowdOptions, crowd: Crowd, board: SoakBoard, join: Join): Promise<void> {
  const { cluster, random, ledger, violations } = options;
  for (let index = 0; index < board.authors; index += 1) {
    const name = `${board.name.replaceAll(' ', '-')}-author-${index}`;
    const user = await join(
      name,
      crowd.boards.map(({ id }) => id),
    );
    const reader = createReader(around(options, crowd), board, {
      name,
      kind: 'fast',
      user,
      random: random.fork(6000 + index),
    });
    const own = random.fork(6500 + crowd.writers.length);
    const ownStreamId = () => reader.subscription.streamId;
    crowd.readers.push(reader);
    crowd.writers.push(
      new RestWriter({ name, board, user, nodes: cluster.nodes, random: own, ledger, violations, ownStreamId }),
    );
  }
}

async function addTroublemakers(
  t: Teardown,
  options: CrowdOptions,
  crowd: Crowd,
  board: SoakBoard,
  join: Join,
): Promise<void> {
  const { cluster, random, ledger, figures, violations } = options;
  for (let index = 0; index < board.hostileWriters; index += 1) {
    const client = steadyClient(t, options, `hostile ${index} of ${board.name}`);
    const own = random.fork(7000 + crowd.writers.length);
    crowd.writers.push(new HostileWriter({ board, client, random: own, ledger, figures, violations }));
  }
  for (let index = 0; index < board.pipeliners; index += 1) {
    const own = random.fork(7500 + crowd.writers.length);
    const rest = { random: own, ledger, openStreams: crowd.openStreams, figures, violations };
    crowd.writers.push(new Pipeliner({ board, user: await join(`pipeliner ${index}`), nodes: cluster.nodes, ...rest }));
  }
}

async function createRevisitors(options: CrowdOptions, url: string): Promise<Revisitor[]> {
  const { cluster, random, history, figures, violations } = options;
  const { user, boardIds } = await createRevisitedBoards(url);
  return boardIds.map((boardId, index) => {
    const own = random.fork(8000 + index);
    return new Revisitor({ boardId, user, nodes: cluster.nodes, history, random: own, figures, violations });
  });
}

async function createGuests(
  options: CrowdOptions,
  { boards, auditor, openStreams }: Crowd,
  board: SoakBoard,
  sql: SteadyClient,
): Promise<Guest[]> {
  const { cluster, random, record, ledger, figures, violations } = options;
  const judge = new AccessJudge(options);
  const guests: Guest[] = [];
  const keptBoardIds = boards.filter(isStill).map(({ id }) => id);
  for (let index = 0; index < board.guests; index += 1) {
    const guest = new Guest({
      ...{ name: `guest ${index} of ${board.name}`, board, keptBoardIds: keptBoardIds.slice(-KEPT_BOARDS) },
      ...{ nodes: cluster.nodes, random: random.fork(4000 + index) },
      ...{ sql, record, auditor, ledger, openStreams, judge, figures, violations },
    });
    await guest.prepare();
    guests.push(guest);
  }
  return guests;
}

async function createBroadcaster(options: CrowdOptions, board: SoakBoard, join: Join): Promise<Broadcaster> {
  const { cluster, random, figures, violations } = options;
  const { id: boardId, broadcastsPerSecond: perSecond } = board;
  const user = await join('pointer');
  const own = random.fork(5000);
  return new Broadcaster({ boardId, user, perSecond, nodes: cluster.nodes, random: own, figures, violations });
}
