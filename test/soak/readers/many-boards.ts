// The stream of many boards: its `id:` is one opaque cursor for all of them, and each board is judged as if it were alone.

import { BoardFrames, type ReadyBoard } from '../../helpers/board-frames.ts';
import { FairTurns } from '../rules/fair-turns.ts';
import { StreamRules } from '../rules/stream-rules.ts';
import type { Attempt, Lie } from './attempt.ts';
import { drawVectorLie } from './lies.ts';
import { attemptOf, type Vector } from './many-attempt.ts';
import type { ConnectionPlan } from './reader-kinds.ts';
import type { Frame } from './stream-frame.ts';
import { STREAM, type StreamRequest, type Subscription, type SubscriptionOptions, spelled } from './subscription.ts';

/** How long the cursor may be: so much, and so much more for each board. */
const MOST_BYTES = 40;
const MOST_BYTES_OF_BOARD = 6;
/** How often a connection names other boards than the one before. */
const OTHER_LIST = 0.3;

export interface ManyBoardsOptions extends SubscriptionOptions {
  /** The board that is always named. */
  boardId: string;
  /** Of which some are named beside it. */
  others: readonly string[];
  /** How many are named in all, at most. */
  most: number;
  /** Where somebody else has ended on the first board, to begin after it. */
  cursor?: string | undefined;
}

export class ManyBoards implements Subscription {
  readonly kind = 'many';
  readonly home: StreamRules;
  readonly #options: ManyBoardsOptions;
  /** Of all boards that it ever had. */
  readonly #rules = new Map<string, StreamRules>();
  readonly #attempts = new Map<string, Attempt>();
  #named: string[];
  #vector: Vector | undefined;
  #firstVector: Vector | undefined;
  /** The last `id:` of this connection, and the boards that it names. */
  #id: string | undefined;
  #isUnsettled = false;
  #followed = new Set<string>();
  /** Those that have ended since. */
  #left: string[] = [];
  #frames = new BoardFrames([], () => false);
  #turns = new FairTurns();
  #isReady = false;
  #isClosed = false;

  constructor(options: ManyBoardsOptions) {
    this.#options = options;
    this.#named = this.#drawList();
    this.home = this.#rulesOf(options.boardId);
  }

  get boards(): readonly StreamRules[] {
    return this.#named.map((boardId) => this.#rulesOf(boardId));
  }

  get streamId(): string | undefined {
    return this.boards.find(({ streamId }) => streamId !== undefined)?.streamId;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  connect({ isLying, byQuery }: ConnectionPlan, where: string): StreamRequest {
    const { random, wantsSnapshot, access, borrowCursor, boardId: ownId, cursor, record } = this.#options;
    const { epochs } = record;
    if (random.chance(OTHER_LIST)) this.#named = this.#drawList();
    const { vector, lie } = isLying ? this.#lie() : { vector: this.#vector, lie: undefined };
    const id = lie?.cursor ?? vector?.id;
    const boards = this.#named.map((boardId) => {
      const rules = this.#rulesOf(boardId);
      const asked = { rules, vector, isLying: isLying ?? false, start: boardId === ownId ? cursor : undefined, epochs };
      const { at, ...attempt } = lie ? { cursor: lie.cursor, lie } : attemptOf(asked, random, borrowCursor);
      this.#attempts.set(boardId, { ...attempt, wantsSnapshot });
      rules.connecting({ ...attempt, wantsSnapshot }, where);
      return `${spelled(boardId, random)}${at === undefined ? '' : `@${at}`}`;
    });
    this.#begin();
    const query = new URLSearchParams({
      boards: boards.join(),
      ...(wantsSnapshot && { snapshot: 'true' }),
      ...(access.ticket !== undefined && { ticket: access.ticket }),
      ...(byQuery && id !== undefined && { lastEventId: id }),
    });
    const headers = { accept: STREAM, ...access.headers, ...(!byQuery && id !== undefined && { 'last-event-id': id }) };
    return { path: `/events?${query}`, headers };
  }

  heard(frame: Frame): readonly StreamRules[] {
    const { event, id, bytes } = frame;
    const data = JSON.parse(frame.data);
    if (id !== undefined) this.#judgeId(id, frame);
    if (event === 'ready') this.#judgeReady(data);
    if (event === 'close') this.#close(data);
    if (event === 'changed') this.#judgeTurn(data, bytes.length);
    return this.#frames.split({ event, id, data }).flatMap((part) => {
      const rules = this.#rules.get(part.boardId ?? '');
      if (!rules || !this.#named.includes(part.boardId ?? '')) {
        this.#broken('each frame names a board of the stream', bytes.slice(0, 500));
        return [];
      }
      const own =
        id === undefined || part.id === undefined ? bytes : bytes.replace(`\nid:${id}\n`, `\nid:${part.id}\n`);
      const json = event === 'ready' ? JSON.stringify(part.data) : frame.data;
      rules.heard({ event, id: part.id, data: json, bytes: own });
      if (event === 'close' && !this.#isClosed) this.#leave(rules);
      return [rules];
    });
  }

  disconnected(): void {
    if (this.#id !== undefined) {
      const followed = this.boards.filter(({ boardId }) => this.#followed.has(boardId));
      const places = followed.map((rules) => [rules.boardId, rules.mustReset ? undefined : rules.cursor] as const);
      this.#vector = { id: this.#id, places: new Map(places), isUnsettled: this.#isUnsettled };
      this.#firstVector ??= this.#vector;
    }
    for (const rules of this.boards) rules.disconnected();
  }

  describe(): string {
    const places = this.boards.map(({ boardId, cursor }) => `${boardId} at ${cursor}`);
    return `${this.home.describe()}, with ${places.length} boards: ${places.join(', ')}`;
  }

  #begin(): void {
    this.#id = undefined;
    this.#followed.clear();
    this.#left = [];
    this.#isReady = false;
    this.#isClosed = false;
    this.#turns = new FairTurns();
    this.#frames = new BoardFrames(this.#named, ({ boardId, resumedFrom }) => {
      const { cursor, isReset = false, wantsSnapshot } = this.#attempts.get(boardId) ?? { wantsSnapshot: false };
      return resumedFrom === undefined && (cursor !== undefined || isReset || wantsSnapshot);
    });
  }

  /** An earlier one that it really had, its own, or one that nobody had. */
  #lie(): { vector: Vector | undefined; lie: Lie | undefined } {
    const { random } = this.#options;
    if (random.chance(0.4)) return { vector: this.#vector, lie: undefined };
    if (random.chance(0.4)) return { vector: this.#firstVector ?? this.#vector, lie: undefined };
    return { vector: undefined, lie: drawVectorLie(random, this.#vector?.id ?? '') };
  }

  /** @returns some boards, the own one among them */
  #drawList(): string[] {
    const { random, boardId, others, most } = this.#options;
    const count = random.whole(1, Math.min(others.length, most - 1));
    return random.shuffled([boardId, ...random.shuffled(others).slice(0, count)]);
  }

  #rulesOf(boardId: string): StreamRules {
    const known = this.#rules.get(boardId);
    if (known) return known;
    const { onChanged, mayBeRevoked = () => false } = this.#options;
    const rules = new StreamRules({
      ...this.#options,
      kind: this.kind,
      boardId,
      onChanged: (mutationId) => onChanged(boardId, mutationId),
      mayBeRevoked: () => mayBeRevoked(boardId),
    });
    this.#rules.set(boardId, rules);
    return rules;
  }

  /** The board has ended, and the stream goes on. */
  #leave(rules: StreamRules): void {
    this.#left.push(rules.boardId);
    rules.disconnected();
  }

  #judgeId(id: string, { event, bytes }: Frame): void {
    this.#id = id;
    this.#isUnsettled = this.#options.record.epochs.isUnsettled;
    for (const boardId of this.#left.splice(0)) this.#followed.delete(boardId);
    const { figures } = this.#options;
    const most = MOST_BYTES + MOST_BYTES_OF_BOARD * this.#named.length;
    figures.longestVector = Math.max(figures.longestVector, id.length / most);
    if (id.length > most) this.#broken('the cursor of many boards is short', `${id.length} bytes, not ${most}: ${id}`);
    if (!/^[\w-]+$/.test(id)) this.#broken('the cursor of many boards needs no quoting', id);
    if (event === 'close') this.#broken('`close` has no id', bytes);
  }

  #judgeReady({ boards }: { boards: ReadyBoard[] }): void {
    const { mayBeRevoked = () => false } = this.#options;
    const named = boards.map(({ boardId }) => boardId);
    if (this.#isReady || String(named) !== String(this.#named)) {
      this.#broken('`ready` names each board of the request, once', JSON.stringify(boards));
    }
    this.#isReady = true;
    this.#options.figures.boardsNamed.push(boards.length);
    for (const { boardId, refused } of boards) {
      if (refused === undefined) this.#followed.add(boardId);
      if (refused === undefined || (refused === 404 && mayBeRevoked(boardId))) continue;
      this.#broken('a board that may be seen is not refused', `${boardId}: ${refused}`);
    }
  }

  #close({ boardId, reason }: { boardId?: string; reason: string }): void {
    this.#options.figures.count('closes', boardId === undefined ? reason : `${reason} (a board)`);
    if (this.#isClosed) this.#broken('no frame after `close`', 'close');
    this.#isClosed = boardId === undefined;
  }

  #judgeTurn({ boardId, mutationId }: { boardId: string; mutationId?: string }, bytes: number): void {
    const { acknowledgedAt } = this.#options.ledger.find(mutationId) ?? {};
    const between = this.#turns.heard(boardId, bytes, acknowledgedAt);
    if (between === undefined) return;
    this.#broken('no board of a stream waits until another has been told', `${boardId}: ${between} bytes before it`);
  }

  #broken(rule: string, detail: string): void {
    this.#options.violations.add(rule, `${this.describe()}: ${detail}`, this.#options.notes.lines);
  }
}
