// What a client may rely on, frame by frame: the judge of one reader, over all of its connections.

import type { Auditor } from './auditor.ts';
import { BroadcastRules } from './broadcast-rules.ts';
import type { EventRecord } from './event-record.ts';
import type { Figures } from './figures.ts';
import type { Mutation } from './ledger.ts';
import { PresenceRules } from './presence-rules.ts';
import type { Violations } from './violations.ts';

export interface Frame {
  event: string | undefined;
  id: string | undefined;
  data: string;
  /** The whole frame, as it came. */
  bytes: string;
}

/** A cursor that the reader makes up, and the reason that it expects to hear. */
export interface Lie {
  cursor: string;
  reason: 'malformed' | 'epoch' | 'ahead';
}

export interface Attempt {
  /** What the request named as its last event. */
  cursor: string | undefined;
  lie?: Lie | undefined;
  wantsSnapshot: boolean;
}

export interface StreamRulesOptions {
  /** Who reads, for those who read of it. */
  name: string;
  boardId: string;
  /** Who reads, for the board. */
  userId: string;
  record: EventRecord;
  auditor: Pick<Auditor, 'claimTrimmed' | 'claimGap'>;
  ledger: { find: (mutationId: string | undefined) => Mutation | undefined };
  violations: Violations;
  figures: Figures;
  onChanged: (seq: number, mutationId: string | undefined) => void;
  /** Whether the access of the reader may have ended. Default: it never does. */
  mayBeRevoked?: (() => boolean) | undefined;
}

interface Place {
  epoch: string;
  seq: number;
}

const KEPT_FRAMES = 10;
const knownCloses = new Set(['shutdown', 'busy', 'rotated', 'slow']);

export class StreamRules {
  readonly #options: StreamRulesOptions;
  /** The cursor of the last event that was seen, in this or an earlier connection. */
  #place: Place | undefined;
  #attempt: Attempt = { cursor: undefined, wantsSnapshot: false };
  #connection = 0;
  #presence: PresenceRules;
  #broadcasts: BroadcastRules;
  #where = '';
  #state: 'new' | 'ready' | 'must reset' | 'closed' = 'new';
  readonly #lastFrames: string[] = [];
  /** Of the stream that is open. */
  streamId: string | undefined;

  constructor(options: StreamRulesOptions) {
    this.#options = options;
    this.#presence = new PresenceRules(options.userId);
    this.#broadcasts = new BroadcastRules(options.boardId, options.figures);
  }

  /** Who is there, as this connection was told; undefined before it was. */
  get present(): ReadonlySet<string> | undefined {
    return this.#presence.present;
  }

  /** What to send as Last-Event-ID. */
  get cursor(): string | undefined {
    return this.#place && `${this.#place.epoch}-${this.#place.seq}`;
  }

  get seq(): number {
    return this.#place?.seq ?? -1;
  }

  get epoch(): string {
    return this.#place?.epoch ?? '';
  }

  /** True when `close` has come: nothing may follow. */
  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** @param where the node and the way to it, for the record */
  connecting(attempt: Attempt, where: string): void {
    this.#attempt = attempt;
    this.#where = where;
    this.#connection += 1;
    this.#state = 'new';
    this.streamId = undefined;
    const { userId, boardId, figures } = this.#options;
    this.#presence = new PresenceRules(userId);
    this.#broadcasts = new BroadcastRules(boardId, figures);
    this.#note(`connection ${this.#connection} to ${where}, Last-Event-ID ${attempt.cursor ?? 'none'}`);
    // From here on it has seen what its cursor says, whatever that is.
    if (attempt.cursor !== undefined && !attempt.lie) this.#place = placeOf(attempt.cursor);
  }

  heard(frame: Frame): void {
    const { event, id } = frame;
    this.#note(`${event} ${id ?? ''} ${frame.data.slice(0, 120)}`);
    // Some clients take it when the line comes: what is behind it may be cut off.
    if (/\nid:[^\n]*\n(?!\n)|^id:/.test(frame.bytes)) this.#broken('the id is the last line of a frame', frame.bytes);
    if (this.#state === 'closed') this.#broken('no frame after `close`', String(event));
    if (event === 'close') this.#close(frame);
    else if (event === 'ready') this.#ready(frame);
    else if (this.#state === 'new') this.#broken('`ready` comes first', String(event));
    else if (event === 'changed') this.#changed(frame);
    else if (event === 'own') this.#own(frame);
    else if (event === 'reset') this.#reset(frame);
    else if (event === 'snapshot') this.#snapshot(frame);
    else if (event === 'presence') this.#told(frame);
    else if (event === 'broadcast') this.#broadcast(frame);
    else if (event !== 'heartbeat')
      this.#broken('only frames of the contract', `${event}: ${frame.data.slice(0, 200)}`);
  }

  describe(): string {
    return `${this.#options.name}, board ${this.#options.boardId}, connection ${this.#connection} to ${this.#where}`;
  }

  #told({ id, data }: Frame): void {
    if (this.#state === 'must reset') this.#broken('what cannot be continued is reset first', data);
    const fault = id === undefined ? this.#presence.heard(data) : `an id: ${id}`;
    if (fault !== undefined) this.#broken('one `leave` for each `join` on a stream', `${fault}: ${data}`);
  }

  /** Moves no cursor: the next `changed` must follow the last one as ever. */
  #broadcast({ id, data }: Frame): void {
    if (this.#state === 'must reset') this.#broken('what cannot be continued is reset first', data);
    const rule = id === undefined ? this.#broadcasts.heard(data) : 'a broadcast has no id';
    if (rule !== undefined) this.#broken(rule, `${id ?? ''} ${data}`);
  }

  #close({ data, bytes }: Frame): void {
    const { figures, mayBeRevoked = () => false } = this.#options;
    const { reason, retry } = JSON.parse(data) as { reason: string; retry: boolean };
    this.#state = 'closed';
    figures.count('closes', reason);
    const isRightly = reason === 'revoked' ? mayBeRevoked() && !retry : knownCloses.has(reason) && retry;
    if (!isRightly || !bytes.includes('retry:')) {
      this.#broken('a stream is closed for a reason that holds', bytes);
    }
  }

  #ready({ data, id }: Frame): void {
    const ready = JSON.parse(data) as { streamId: string; boardId: string; cursor: string; resumedFrom?: string };
    const { cursor, lie, wantsSnapshot } = this.#attempt;
    if (this.#state !== 'new' || ready.boardId !== this.#options.boardId) {
      this.#broken('`ready` comes first, once, for its board', data);
    }
    this.streamId = ready.streamId;
    const isResumed = ready.resumedFrom !== undefined;
    if (isResumed && (lie || ready.resumedFrom !== cursor))
      this.#broken('a stream resumes where it was asked to', data);
    // Without an id a reset or a snapshot follows, also to one that came without a cursor: the history may just end.
    this.#state = id === undefined ? 'must reset' : 'ready';
    const goesOnFrom = ready.resumedFrom ?? (cursor === undefined && !wantsSnapshot ? ready.cursor : undefined);
    if (id !== undefined && id !== goesOnFrom)
      this.#broken('`ready` skips nothing that is still to come', `${id} ${data}`);
    // What a client that is cut off here comes back with: its own cursor, or this one.
    if (id !== undefined) this.#place = placeOf(id);
  }

  #changed({ id, data, bytes }: Frame): void {
    const { record, boardId, figures, onChanged } = this.#options;
    const event = JSON.parse(data) as { seq: number; boardId: string; mutationId?: string; at: string };
    if (event.boardId !== boardId) this.#broken('the id is the cursor', bytes);
    const place = this.#step(event.seq, id, bytes);
    figures.frames += 1;
    if (this.#isOwn(event.mutationId)) this.#broken("one's own change comes as `own`", bytes);
    record.sawEvent(boardId, event.seq, data, this.#options.name);
    record.sawFrame(boardId, String(id), bytes, this.#options.name);
    if (place)
      record.epochs.check({ boardId, name: place.epoch }, Date.parse(event.at), () => `${this.describe()}, ${id}`);
    onChanged(event.seq, event.mutationId);
  }

  /** In place of `changed`, on the stream that the writer named. */
  #own({ id, data, bytes }: Frame): void {
    const { seq, mutationId, ...more } = JSON.parse(data) as { seq: number; mutationId?: string };
    this.#step(seq, id, bytes);
    this.#options.figures.count('own', 'told');
    const { streamIds = [] } = this.#options.ledger.find(mutationId) ?? {};
    const isNamed = this.streamId !== undefined && streamIds.includes(this.streamId);
    if (!isNamed || Object.keys(more).length > 0) this.#broken('`own` comes on the stream that its writer named', data);
    this.#options.onChanged(seq, mutationId);
  }

  /** Whether each time that it was sent it named this stream. */
  #isOwn(mutationId: string | undefined): boolean {
    const { streamIds = [] } = this.#options.ledger.find(mutationId) ?? {};
    return streamIds.length > 0 && streamIds.every((streamId) => streamId !== undefined && streamId === this.streamId);
  }

  /** The cursor goes on by one. @returns where it is now */
  #step(seq: number, id: string | undefined, bytes: string): Place | undefined {
    const place = placeOf(id);
    const last = this.#place;
    if (this.#state === 'must reset') this.#broken('what cannot be continued is reset first', `${id}`);
    if (!place || place.seq !== seq) this.#broken('the id is the cursor', bytes);
    if (last && (seq !== last.seq + 1 || place?.epoch !== last.epoch)) {
      this.#broken('the seq rises by exactly one', `${id} after ${last.epoch}-${last.seq}`);
    }
    this.#state = 'ready';
    this.#place = place;
    return place;
  }

  #reset({ id, data }: Frame): void {
    const { reason, cursor } = JSON.parse(data) as { reason: string; cursor: string };
    const place = placeOf(id);
    this.#options.figures.count('resets', this.#attempt.lie ? `${reason} (asked for)` : reason);
    if (!place || cursor !== id || this.#attempt.wantsSnapshot) this.#broken('a reset names its cursor', data);
    else this.#judgeReset(reason, place);
    this.#movedTo(place);
  }

  #snapshot({ id, data }: Frame): void {
    const { cursor } = JSON.parse(data) as { cursor: string };
    const place = placeOf(id);
    if (this.#attempt.cursor !== undefined) this.#options.figures.count('resets', 'by snapshot');
    if (!place || cursor !== id || !this.#attempt.wantsSnapshot) {
      this.#broken('a snapshot names its cursor', `id ${id}, cursor ${cursor}`);
    } else if (this.#attempt.cursor !== undefined || this.#state !== 'must reset') {
      const from = this.#place;
      this.#judgeReset(from && from.epoch === place.epoch ? 'trimmed' : 'epoch', place);
    }
    this.#movedTo(place);
  }

  #movedTo(place: Place | undefined): void {
    this.#place = place;
    this.#state = 'ready';
    // What a lie was told about has been answered.
    this.#attempt = { ...this.#attempt, lie: undefined };
  }

  #judgeReset(reason: string, to: Place): void {
    const { record, auditor, boardId } = this.#options;
    const from = this.#place;
    const { lie } = this.#attempt;
    const detail = `\`${reason}\` from ${lie?.cursor ?? this.cursor} to ${to.epoch}-${to.seq}`;
    if (lie) {
      const isOtherEpoch = !lie.cursor.startsWith(to.epoch) && lie.reason === 'ahead';
      const expected = isOtherEpoch || record.epochs.isUnsettled ? [lie.reason, 'epoch'] : [lie.reason];
      if (!expected.includes(reason))
        this.#broken('a reset has its reason', `${detail} for a cursor that is ${lie.reason}`);
    } else if (reason === 'gap' && from) {
      auditor.claimGap(boardId, from.seq, to.seq, `${this.describe()}: ${detail}`);
    } else if (reason === 'epoch' && !from && record.epochs.isUnsettled) {
      // It came without a cursor while the history ended.
      return;
    } else if (reason === 'trimmed' && from) {
      if (!record.epochs.isUnsettled) auditor.claimTrimmed(boardId, from.seq, `${this.describe()}: ${detail}`);
    } else if (reason !== 'epoch' || !from || (from.epoch === to.epoch && !record.epochs.isUnsettled)) {
      this.#broken('a reset has its reason', detail);
    }
  }

  #broken(rule: string, detail: string): void {
    this.#options.violations.add(rule, `${this.describe()}: ${detail}`, this.#lastFrames);
  }

  #note(line: string): void {
    this.#lastFrames.push(`${(performance.now() / 1000).toFixed(1)} ${line}`);
    if (this.#lastFrames.length > KEPT_FRAMES) this.#lastFrames.shift();
  }
}

function placeOf(cursor: string | undefined): Place | undefined {
  const [, epoch, seq] = /^([0-9a-f]{8})-(\d{1,15})$/.exec(cursor ?? '') ?? [];
  return epoch === undefined ? undefined : { epoch, seq: Number(seq) };
}
