// Following a person: what they see is shown, until one looks elsewhere oneself. Whoever is followed tells what is in sight,
// and nobody else does.

import { computed, effect, type ReadonlySignal, signal } from '@preact/signals-core';
import type { LiveBoard } from '../../client/live.ts';
import type { User } from '../../client/types.ts';
import type { Box } from '../model/place.ts';

/** So often whoever is followed is told so; after the other time without, they are followed no longer. */
const TELL_MS = 3000;
const SILENT_MS = 8000;

/** What it needs of the open board. */
export interface Followed {
  readonly me: User;
  readonly presence: ReadonlySignal<readonly User[]>;
  onBroadcast: LiveBoard['onBroadcast'];
  send(name: string, data: unknown): void;
}

export class Following {
  /** Who is followed. */
  readonly whom: ReadonlySignal<User | undefined>;
  /** What they see, as far as they have told. */
  readonly sight = signal<Box | undefined>(undefined);
  /** The ids of those who follow the user. */
  readonly followers: ReadonlySignal<ReadonlySet<string>>;
  readonly #whom = signal<User | undefined>(undefined);
  readonly #followers = signal<ReadonlyMap<string, number>>(new Map());
  readonly #board: Followed;
  readonly #say: (line: string) => void;
  readonly #isInUse: () => boolean;
  readonly #ends: Array<() => void>;
  /** What is in sight here. */
  #own: Box | undefined;
  #telling: ReturnType<typeof setInterval> | undefined;

  /**
   * @param say tells it whoever does not see it
   * @param isInUse whether this is the window that the user works in
   */
  constructor(board: Followed, say: (line: string) => void, isInUse: () => boolean) {
    this.#board = board;
    this.#say = say;
    this.#isInUse = isInUse;
    this.whom = this.#whom;
    this.followers = computed(() => {
      const present = board.presence.value.map(({ id }) => id);
      return new Set(present.filter((id) => this.#followers.value.has(id)));
    });
    this.#ends = [
      board.onBroadcast(({ name, data, from: { user } }) => {
        if (name === 'follow') this.#onFollow(user, data);
        else if (name === 'view' && user.id === this.#whom.value?.id) this.#onView(data);
      }),
      effect(() => {
        const whom = this.#whom.value;
        if (!whom || board.presence.value.some(({ id }) => id === whom.id)) return;
        this.stop();
        say(`${whom.name} has left.`);
      }),
    ];
  }

  start(user: User): void {
    this.stop();
    this.#whom.value = user;
    const tell = () => {
      this.#forget();
      this.#board.send('follow', { id: user.id });
    };
    tell();
    this.#telling = setInterval(tell, TELL_MS);
    this.#say(`Following ${user.name}. Escape stops it.`);
  }

  /** @returns whether somebody was followed */
  stop(): boolean {
    if (!this.#whom.peek()) return false;
    clearInterval(this.#telling);
    this.#whom.value = undefined;
    this.sight.value = undefined;
    return true;
  }

  /** What is in sight has become another; undefined: there is nothing to see. */
  show(sight: Box | undefined): void {
    this.#own = sight;
    // What comes by following goes on as it came, so that those who follow each other all come to rest.
    if (!this.#whom.peek()) this.#tell(sight);
  }

  close(): void {
    this.stop();
    for (const end of this.#ends) end();
  }

  #tell(sight: Box | undefined): void {
    this.#forget();
    if (!sight || this.#followers.peek().size === 0) return;
    const { x, y, width, height } = sight;
    const [left = 0, top = 0, wide = 0, high = 0] = [x, y, width, height].map(Math.round);
    this.#board.send('view', { x: left, y: top, width: wide, height: high });
  }

  #onFollow({ id }: User, data: unknown): void {
    if ((data as { id?: unknown } | null)?.id !== this.#board.me.id || id === this.#board.me.id) return;
    const isNew = !this.#followers.peek().has(id);
    this.#followers.value = new Map(this.#followers.peek()).set(id, Date.now() + SILENT_MS);
    // Of two windows, the one in use; both, while nobody knows.
    if (isNew || this.#isInUse()) this.#tell(this.sight.peek() ?? this.#own);
  }

  #onView(data: unknown): void {
    const before = this.sight.peek();
    if (!isBox(data) || (before && sides.every((side) => before[side] === data[side]))) return;
    this.sight.value = data;
    this.#tell(data);
  }

  #forget(): void {
    const now = Date.now();
    const left = [...this.#followers.peek()].filter(([, until]) => until > now);
    if (left.length !== this.#followers.peek().size) this.#followers.value = new Map(left);
  }
}

const sides = ['x', 'y', 'width', 'height'] as const;

function isBox(data: unknown): data is Box {
  const box = (data ?? {}) as Box;
  return sides.every((side) => Number.isFinite(box[side])) && box.width > 0 && box.height > 0;
}
