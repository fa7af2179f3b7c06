// The stream of one board: its `id:` is the cursor of the board.

import { StreamRules } from '../rules/stream-rules.ts';
import type { Attempt } from './attempt.ts';
import { drawLie } from './lies.ts';
import type { ConnectionPlan } from './reader-kinds.ts';
import type { Frame } from './stream-frame.ts';
import { STREAM, type StreamRequest, type Subscription, type SubscriptionOptions, spelled } from './subscription.ts';

export interface OneBoardOptions extends SubscriptionOptions {
  boardId: string;
  /** Where somebody else has ended, to begin after it. */
  cursor?: string | undefined;
}

export class OneBoard implements Subscription {
  readonly kind = 'one';
  readonly home: StreamRules;
  readonly #options: OneBoardOptions;
  #firstCursor: string | undefined;

  constructor(options: OneBoardOptions) {
    this.#options = options;
    const { boardId, onChanged, mayBeRevoked = () => false } = options;
    this.home = new StreamRules({
      ...options,
      kind: this.kind,
      onChanged: (mutationId) => onChanged(boardId, mutationId),
      mayBeRevoked: () => mayBeRevoked(boardId),
    });
  }

  get boards(): readonly StreamRules[] {
    return [this.home];
  }

  get streamId(): string | undefined {
    return this.home.streamId;
  }

  get isClosed(): boolean {
    return this.home.isClosed;
  }

  connect({ isLying, byQuery }: ConnectionPlan, where: string): StreamRequest {
    const { boardId, wantsSnapshot, access, random } = this.#options;
    const attempt: Attempt = { ...(isLying ? this.#lie() : { cursor: this.#cursor }), wantsSnapshot };
    this.home.connecting(attempt, where);
    const { cursor } = attempt;
    const query = new URLSearchParams({
      ...(wantsSnapshot && { snapshot: 'true' }),
      ...(access.ticket !== undefined && { ticket: access.ticket }),
      ...(byQuery && cursor !== undefined && { lastEventId: cursor }),
    });
    const headers = {
      accept: STREAM,
      ...access.headers,
      ...(!byQuery && cursor !== undefined && { 'last-event-id': cursor }),
    };
    return { path: `/boards/${spelled(boardId, random)}/events?${query}`, headers };
  }

  heard(frame: Frame): readonly StreamRules[] {
    if (frame.event === 'close') this.#options.figures.count('closes', JSON.parse(frame.data).reason);
    this.home.heard(frame);
    return [this.home];
  }

  disconnected(): void {
    if (this.streamId !== undefined) this.#firstCursor ??= this.home.cursor;
    this.home.disconnected();
  }

  describe(): string {
    return this.home.describe();
  }

  get #cursor(): string | undefined {
    return this.home.cursor ?? this.#options.cursor;
  }

  /** Something made up, an earlier cursor that it really had, or its own. */
  #lie(): Pick<Attempt, 'cursor' | 'lie'> {
    const { random, borrowCursor } = this.#options;
    if (random.chance(0.2)) return { cursor: this.#cursor };
    if (random.chance(0.25)) return { cursor: this.#firstCursor };
    const lie = drawLie(random, this.home.epoch, borrowCursor(this.home.boardId));
    return { cursor: lie.cursor, lie };
  }
}
