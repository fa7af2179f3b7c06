// The boards of a run: how much is written on each, and who belongs to them.

import { Client } from '../../helpers/client.ts';
import type { ReaderKind } from '../readers/reader-kinds.ts';
import type { SteadyClient } from './steady-client.ts';

interface BoardPlan {
  name: string;
  restWriters: number;
  sqlWriters: number;
  /** Between two writes of one writer, on average. */
  paceMs: number;
  /** Characters of an item's text, at most. */
  textLength: number;
  /** Characters that each change carries besides. */
  fillerLength: number;
  readers: Partial<Record<ReaderKind, number>>;
  /** Who write and have a stream of their own open, which they name. */
  authors: number;
  /** Who write by SQL what the API would refuse. */
  hostileWriters: number;
  /** Who send further requests behind a stream. */
  pipeliners: number;
  /** Users whose access ends again and again. */
  guests: number;
  /** Of one member. */
  broadcastsPerSecond: number;
}

/**
 * About 110 writes per second in all. The bulky board fills the buffers of those who do not read. Where somebody reads
 * byte by byte, which is 4 KB/s, less is broadcast than that.
 */
const busyPlans: BoardPlan[] = [
  {
    name: 'hot',
    restWriters: 9,
    sqlWriters: 1,
    paceMs: 250,
    textLength: 120,
    fillerLength: 0,
    readers: { fast: 8, snapshot: 2, slow: 1, dropping: 3, cut: 2, lying: 1, 'half-open': 1 },
    ...{ authors: 1, hostileWriters: 0, pipeliners: 1 },
    guests: 0,
    broadcastsPerSecond: 20,
  },
  {
    name: 'hot too',
    restWriters: 6,
    sqlWriters: 2,
    paceMs: 250,
    textLength: 120,
    fillerLength: 0,
    readers: { fast: 6, slow: 2, dropping: 2, lying: 2, cut: 1, stalled: 1 },
    ...{ authors: 1, hostileWriters: 1, pipeliners: 0 },
    guests: 0,
    broadcastsPerSecond: 20,
  },
  {
    name: 'bulky',
    restWriters: 4,
    sqlWriters: 0,
    paceMs: 120,
    textLength: 9900,
    fillerLength: 15_000,
    readers: { fast: 1, stalled: 4, slow: 2, dropping: 1, cut: 1, snapshot: 1 },
    ...{ authors: 0, hostileWriters: 0, pipeliners: 0 },
    guests: 0,
    broadcastsPerSecond: 20,
  },
  {
    name: 'warm',
    restWriters: 2,
    sqlWriters: 1,
    paceMs: 700,
    textLength: 300,
    fillerLength: 0,
    readers: { fast: 2, snapshot: 1, lying: 1, 'half-open': 1, 'byte by byte': 1, cut: 1 },
    ...{ authors: 1, hostileWriters: 0, pipeliners: 1 },
    guests: 0,
    broadcastsPerSecond: 10,
  },
  {
    name: 'quiet',
    restWriters: 1,
    sqlWriters: 0,
    paceMs: 3000,
    textLength: 2000,
    fillerLength: 0,
    readers: { fast: 2, 'half-open': 1, 'byte by byte': 1, cut: 1 },
    ...{ authors: 0, hostileWriters: 1, pipeliners: 0 },
    guests: 0,
    broadcastsPerSecond: 10,
  },
  {
    name: 'guests',
    restWriters: 2,
    sqlWriters: 1,
    paceMs: 300,
    textLength: 120,
    fillerLength: 0,
    readers: { fast: 1 },
    ...{ authors: 0, hostileWriters: 0, pipeliners: 0 },
    guests: 4,
    broadcastsPerSecond: 20,
  },
];

/** Of which there are many, so that a stream can have many: something happens on one of them now and then. */
const STILL_BOARDS = 16;
const stillPlan: BoardPlan = {
  name: 'still',
  restWriters: 1,
  sqlWriters: 0,
  paceMs: 6000,
  textLength: 300,
  fillerLength: 0,
  readers: {},
  ...{ authors: 0, hostileWriters: 0, pipeliners: 0 },
  guests: 0,
  broadcastsPerSecond: 0.3,
};

export interface SoakUser {
  id: string;
  cookie: string;
}

export interface SoakBoard extends BoardPlan {
  id: string;
  ownerCookie: string;
}

/** Something is written there many times a second. */
export const isBusy = ({ paceMs }: BoardPlan) => paceMs <= 300;
/** Now and then. */
export const isStill = ({ paceMs }: BoardPlan) => paceMs > 5000;
/** Its events are of several KB. */
export const isBulky = ({ textLength }: BoardPlan) => textLength > 5000;

/** @returns the boards, which their owner has made through the API */
export async function createBoards(url: string): Promise<SoakBoard[]> {
  const owner = await Client.signUp({ url }, 'Owner');
  const boards: SoakBoard[] = [];
  const stillPlans = Array.from({ length: STILL_BOARDS }, (_, index) => ({ ...stillPlan, name: `still ${index}` }));
  for (const plan of [...busyPlans, ...stillPlans]) {
    boards.push({ ...plan, id: await owner.createBoard(plan.name), ownerCookie: owner.cookie });
  }
  return boards;
}

/** How many boards are opened again and again, and left again as often. */
const REVISITED = 18;

/** @returns boards of a user who alone comes there */
export async function createRevisitedBoards(url: string): Promise<{ user: SoakUser; boardIds: string[] }> {
  const visitor = await Client.signUp({ url }, 'Visitor');
  const boardIds: string[] = [];
  for (let index = 0; index < REVISITED; index += 1) boardIds.push(await visitor.createBoard(`visited ${index}`));
  return { user: { id: visitor.user.id, cookie: visitor.cookie }, boardIds };
}

/** @returns a new user, who may write on these boards */
export async function createMember(
  url: string,
  sql: SteadyClient,
  boardIds: readonly string[],
  name: string,
): Promise<SoakUser> {
  const { user, cookie } = await Client.signUp({ url }, name);
  await joinBoards(sql, boardIds, user.id);
  return { id: user.id, cookie };
}

export async function joinBoards(sql: SteadyClient, boardIds: readonly string[], userId: string): Promise<void> {
  await sql.query(
    `insert into teamboard.members (board_id, user_id, role) select board_id, $2, 'editor' from unnest($1::uuid[]) board_id`,
    [boardIds, userId],
  );
}
