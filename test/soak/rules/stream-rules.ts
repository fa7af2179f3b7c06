// What a client may rely on, frame by frame: the judge of one reader of a board, over all of its connections.

import type { Attempt } from '../readers/attempt.ts';
import type { Frame } from '../readers/stream-frame.ts';
import { BroadcastRules } from './broadcast-rules.ts';
import { type Place, placeOf } from './place.ts';
import { PresenceRules } from './presence-rules.ts';
import { findResetFault } from './reset-rules.ts';
import type { StreamRulesOptions } from './stream-rules-options.ts';

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
  #state: 'new' | 'ready' | 'closed' = 'new';
  #mustReset = false;
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

  get boardId(): string {
    return this.#options.boardId;
  }

  get epoch(): string {
    return this.#place?.epoch ?? '';
  }

  /** It cannot be continued, and was not told more yet. */
  get mustReset(): boolean {
    return this.#mustReset;
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
    this.#mustReset = false;
    this.disconnected();
    const { userId, boardId, figures } = this.#options;
    this.#presence = new PresenceRules(userId);
    this.#broadcasts = new BroadcastRules(boardId, figures);
    this.#options.notes.add(`connection ${this.#connection} to ${where}, Last-Event-ID ${attempt.cursor ?? 'none'}`);
    // From here on it has seen what its cursor says, whatever that is.
    if (attempt.cursor !== undefined && !attempt.lie) this.#place = placeOf(attempt.cursor);
  }

  /** Its stream has gone, or goes on without this board. */
  disconnected(): void {
    const { openStreams, boardId } = this.#options;
    if (this.streamId !== undefined) openStreams.ended(this.streamId, boardId);
    this.streamId = undefined;
  }

  heard(frame: Frame): void {
    const { event, id } = frame;
    this.#options.notes.add(`${event} ${id ?? ''} ${frame.data.slice(0, 120)}`);
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
    else if (event !== 'heartbeat' || id !== undefined)
      this.#broken('only frames of the contract', `${event}: ${frame.data.slice(0, 200)}`);
  }

  describe(): string {
    const { name, boardId } = this.#options;
    return `${name}, board ${boardId} at ${this.cursor}, connection ${this.#connection} to ${this.#where}`;
  }

  #told({ id, data }: Frame): void {
    if (this.#mustReset) this.#broken('what cannot be continued is reset first', data);
    const fault = id === undefined ? this.#presence.heard(data) : `an id: ${id}`;
    if (fault !== undefined) this.#broken('one `leave` for each `join` on a stream', `${fault}: ${data}`);
  }

  /** Moves no cursor: the next `changed` must follow the last one as ever. */
  #broadcast({ id, data }: Frame): void {
    if (this.#mustReset) this.#broken('what cannot be continued is reset first', data);
    const rule = id === undefined ? this.#broadcasts.heard(data) : 'a broadcast has no id';
    if (rule !== undefined) this.#broken(rule, `${id ?? ''} ${data}`);
  }

  #close({ data, bytes }: Frame): void {
    const { mayBeRevoked = () => false } = this.#options;
    const { reason, retry, boardId } = JSON.parse(data) as { reason: string; retry: boolean; boardId?: string };
    this.#state = 'closed';
    const isRightly = reason === 'revoked' ? mayBeRevoked() && !retry : knownCloses.has(reason) && retry;
    // The end of one board of a stream is not that of the stream, to which `retry:` would belong.
    if (!isRightly || bytes.includes('retry:') !== (boardId === undefined)) {
      this.#broken('a stream is closed for a reason that holds', bytes);
    }
  }

  #ready({ data, id }: Frame): void {
    const ready = JSON.parse(data) as { streamId: string; boardId: string; cursor: string; resumedFrom?: string };
    const { cursor, lie, wantsSnapshot } = this.#attempt;
    const { boardId, userId, openStreams } = this.#options;
    if (this.#state !== 'new' || ready.boardId !== boardId) {
      this.#broken('`ready` comes first, once, for its board', data);
    }
    this.streamId = ready.streamId;
    openStreams.opened(ready.streamId, boardId, userId);
    const isResumed = ready.resumedFrom !== undefined;
    if (isResumed && (lie || ready.resumedFrom !== cursor))
      this.#broken('a stream resumes where it was asked to', data);
    // Without an id a reset or a snapshot follows, also to one that came without a cursor: the history may just end.
    this.#state = 'ready';
    this.#mustReset = id === undefined;
    const goesOnFrom = ready.resumedFrom ?? (cursor === undefined && !wantsSnapshot ? ready.cursor : undefined);
    if (id !== undefined && id !== goesOnFrom)
      this.#broken('`ready` skips nothing that is still to come', `${id} ${data}`);
    // What a client that is cut off here comes back with: its own cursor, or this one.
    if (id !== undefined) this.#place = placeOf(id);
  }

  #changed({ id, data, bytes }: Frame): void {
    const { kind, record, boardId, figures, onChanged } = this.#options;
    const event = JSON.parse(data) as { seq: number; boardId: string; mutationId?: string; at: string };
    if (event.boardId !== boardId) this.#broken('the id is the cursor', bytes);
    const place = this.#step(event.seq, id, bytes);
    figures.frames[kind] += 1;
    if (this.#isOwn(event.mutationId)) this.#broken("one's own change comes as `own`", bytes);
    record.sawEvent(boardId, event.seq, data, this.#options.name);
    record.sawFrame(boardId, String(id), bytes, this.#options.name);
    if (place)
      record.epochs.check({ boardId, name: place.epoch }, Date.parse(event.at), () => `${this.describe()}, ${id}`);
    onChanged(event.mutationId);
  }

  /** In place of `changed`, on the stream that the writer named. */
  #own({ id, data, bytes }: Frame): void {
    const {
      boardId: _,
      seq,
      mutationId,
      ...more
    } = JSON.parse(data) as {
      boardId: string;
      seq: number;
      mutationId?: string;
    };
    this.#step(seq, id, bytes);
    this.#options.figures.count('own', this.#options.kind);
    const { streamIds = [] } = this.#options.ledger.find(mutationId) ?? {};
    const isNamed = this.streamId !== undefined && streamIds.includes(this.streamId);
    if (!isNamed || Object.keys(more).length > 0) this.#broken('`own` comes on the stream that its writer named', data);
    this.#options.onChanged(mutationId);
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
    if (this.#mustReset) this.#broken('what cannot be continued is reset first', `${id}`);
    if (!place || place.seq !== seq) this.#broken('the id is the cursor', bytes);
    if (last && (seq !== last.seq + 1 || place?.epoch !== last.epoch)) {
      this.#broken('the seq rises by exactly one', `${id} after ${last.epoch}-${last.seq}`);
    }
    this.#mustReset = false;
    this.#place = place;
    return place;
  }

  #reset({ id, data }: Frame): void {
    const { reason, cursor } = JSON.parse(data) as { reason: string; cursor: string };
    const place = placeOf(id);
    const { kind, figures } = this.#options;
    figures.count('resets', `${reason}${this.#attempt.lie ? ' (asked for)' : ''}, ${kind}`);
    if (!place || cursor !== id || this.#attempt.wantsSnapshot) this.#broken('a reset names its cursor', data);
    else this.#judgeReset(reason, place);
    this.#movedTo(place);
  }

  #snapshot({ id, data }: Frame): void {
    const { cursor } = JSON.parse(data) as { cursor: string };
    const place = placeOf(id);
    if (this.#attempt.cursor !== undefined) this.#options.figures.count('resets', `by snapshot, ${this.#options.kind}`);
    if (!place || cursor !== id || !this.#attempt.wantsSnapshot) {
      this.#broken('a snapshot names its cursor', `id ${id}, cursor ${cursor}`);
    } else if (this.#attempt.cursor !== undefined || !this.#mustReset) {
      const from = this.#place;
      this.#judgeReset(from && from.epoch === place.epoch ? 'lost' : 'epoch', place);
    }
    this.#movedTo(place);
  }

  #movedTo(place: Place | undefined): void {
    this.#place = place;
    this.#mustReset = false;
    // What a lie was told about has been answered.
    this.#attempt = { ...this.#attempt, lie: undefined, isLost: false };
  }

  #judgeReset(reason: string, to: Place): void {
    const { record, auditor, boardId } = this.#options;
    const move = { reason, from: this.#place, to, attempt: this.#attempt, isUnsettled: record.epochs.isUnsettled };
    const detail = `\`${reason}\` from ${this.#attempt.lie?.cursor ?? this.cursor} to ${to.epoch}-${to.seq}`;
    const found = findResetFault(move);
    if (found === 'lost') auditor.claimLost(boardId, this.seq, to.seq, `${this.describe()}: ${detail}`);
    else if (found === 'trimmed') auditor.claimTrimmed(boardId, this.seq, `${this.describe()}: ${detail}`);
    else if (found === 'gap') auditor.claimGap(boardId, this.seq, to.seq, `${this.describe()}: ${detail}`);
    else if (found !== undefined) this.#broken('a reset has its reason', `${detail}${found}`);
  }

  #broken(rule: string, detail: string): void {
    this.#options.violations.add(rule, `${this.describe()}: ${detail}`, this.#options.notes.lines);
  }
}
