// A board whose log and whose snapshots of each place are recorded, read as a node lets them be read.

import fc from 'fast-check';
import type { Board, BoardEvent, Item, Snapshot } from '../../src/client/types.ts';
import { Failure } from '../../src/web/state/service.ts';

export const ada = { id: 'ada', name: 'Ada' };
export const grace = { id: 'grace', name: 'Grace' };

const time = new Date(0).toISOString();
const stamps = { version: 1, createdBy: null, createdAt: time, updatedBy: null, updatedAt: time };

export function itemOf(fields: Partial<Item>): Item {
  const id = '00000000-0000-7000-8000-000000000000';
  return { id, boardId: 'b', text: '', x: 0, y: 0, color: 'yellow', rank: 'a0', data: {}, ...stamps, ...fields };
}

/** What is done: with which of a few notes, or with the board itself. */
export const changesOf = fc.record({
  note: fc.integer({ min: 0, max: 9 }),
  what: fc.constantFrom('create', 'text', 'move', 'data', 'delete', 'rename', 'member', 'table'),
  value: fc.integer({ min: 0, max: 999 }),
});
type Done = typeof changesOf extends fc.Arbitrary<infer Value> ? Value : never;

const EPOCH = '5f0c9a3e';

export class RecordedLog {
  readonly id = 'b';
  /** In the order of the log. */
  readonly events: BoardEvent[] = [];
  /** By the place: that of 0 is none, since there was no board. */
  readonly snapshots: Array<Snapshot | undefined> = [undefined];
  /** The paths that were read. */
  readonly asked: string[] = [];
  trimmedTo = 0;
  /** Whether the server is gone. */
  fails = false;
  readonly #pageSize: number;
  readonly #untold: ReadonlySet<number>;
  #hidden = 0;

  /** @param pageSize events of a page at most, as large ones make it end before its limit. @param untold cannot be told */
  constructor(
    changes: readonly Done[],
    { pageSize, untold = new Set() }: { pageSize: number; untold?: ReadonlySet<number> },
  ) {
    this.#pageSize = pageSize;
    this.#untold = untold;
    let board: Board = { id: this.id, name: 'Plans', layout: 'canvas', ...stamps };
    const items = new Map<string, Item>();
    const add = (event: Pick<BoardEvent, 'resource' | 'action' | 'id' | 'object'>) => {
      const seq = this.events.length + 1;
      this.events.push({ ...event, seq, boardId: this.id, actor: ada, at: time });
      const cursor = this.cursorOf(seq);
      this.snapshots.push({ board, items: [...items.values()], members: [], cursor });
    };
    add({ resource: 'board', action: 'created', id: this.id, object: board });
    for (const { note, what, value } of changes) {
      const id = `note ${note}`;
      const item = items.get(id);
      if (what === 'rename') {
        board = { ...board, name: `Plans ${value}`, layout: value % 2 === 0 ? 'list' : 'canvas' };
        add({ resource: 'board', action: 'updated', id: this.id, object: board });
      } else if (what === 'member' || what === 'table') {
        add({
          resource: what === 'member' ? 'member' : 'books',
          action: 'created',
          id: `${value}`,
          object: { user: grace },
        });
      } else if (!item || what === 'create') {
        if (item) continue;
        items.set(id, itemOf({ id, text: `Note ${value}` }));
        add({ resource: 'item', action: 'created', id, object: items.get(id) });
      } else if (what === 'delete') {
        items.delete(id);
        add({ resource: 'item', action: 'deleted', id, object: item });
      } else {
        const fields = { text: { text: `${value}` }, move: { x: value, y: -value }, data: { data: { value } } }[what];
        items.set(id, { ...item, ...fields, version: item.version + 1 });
        add({ resource: 'item', action: 'updated', id, object: items.get(id) });
      }
    }
  }

  get head(): number {
    return this.events.length - this.#hidden;
  }

  /** The newest are still to come. */
  hide(count: number): void {
    this.#hidden = count;
  }

  show(count: number): void {
    this.#hidden -= count;
  }

  trim(upTo: number): void {
    this.trimmedTo = Math.min(upTo, this.head);
  }

  cursorOf(seq: number): string {
    return `${EPOCH}-${seq}`;
  }

  async read(path: string): Promise<unknown> {
    this.asked.push(path);
    if (this.fails) throw new Failure('The server cannot be reached.', 0);
    const { pathname, searchParams } = new URL(path, 'http://node');
    const place = (name: string) => Number(searchParams.get(name)?.split('-')[1]);
    if (pathname === `/boards/${this.id}`) {
      const snapshot = place('at') < this.trimmedTo ? undefined : this.snapshots[place('at')];
      if (!snapshot) throw new Failure('Trimmed.', 410, 'TB_TRIMMED');
      return structuredClone(snapshot);
    }
    const after = searchParams.has('after') ? place('after') : this.trimmedTo;
    const reset = (reason: string) => ({
      events: [],
      cursor: this.cursorOf(this.head),
      hasMore: false,
      reset: { reason },
    });
    if (after < this.trimmedTo) return reset('trimmed');
    if (after > this.head) return reset('ahead');
    const limit = Math.min(Number(searchParams.get('limit')), this.#pageSize);
    const page = this.events.slice(after, Math.min(after + limit, this.head));
    const untold = page.findIndex(({ seq }) => this.#untold.has(seq));
    if (untold === 0) return reset('gap');
    const events = untold < 0 ? page : page.slice(0, untold);
    return structuredClone({
      events,
      cursor: this.cursorOf(after + events.length),
      hasMore: after + events.length < this.head,
    });
  }
}
