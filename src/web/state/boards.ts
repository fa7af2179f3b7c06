// The boards of who is signed in, and who is on each of them now.

import { type ReadonlySignal, signal } from '@preact/signals-core';
import type { Board, User } from '../../client/types.ts';
import { listBoards } from './kept-boards.ts';
import type { Service } from './service.ts';
import { type TemplateName, templates, welcomeNotes } from './templates.ts';

export interface NewBoard {
  /** Empty: what the template is called. */
  name: string;
  layout: Board['layout'];
  template: TemplateName;
}

export interface Boards {
  /** The newest first; undefined until they are known. */
  readonly all: ReadonlySignal<readonly Board[] | undefined>;
  /** By the id of the board; one that is missing is not known. */
  readonly present: ReadonlySignal<ReadonlyMap<string, readonly User[]>>;
  /** Whether they are those that this browser has kept, because the server could not be reached. */
  readonly areKept: ReadonlySignal<boolean>;
  /** @param user whose they are. @throws Failure */
  load(user: string): Promise<void>;
  /** Asks who is where, and leaves what cannot be found out. */
  loadPresence(): Promise<void>;
  /** @returns its id. @throws Failure */
  create(board: NewBoard): Promise<string>;
}

const PAGE = 100;
/** Of so many it is asked who is there: the newest, which are on the first screens. */
const MOST_ASKED = 24;
const AT_A_TIME = 4;

export function createBoards(service: Service): Boards {
  const all = signal<readonly Board[] | undefined>(undefined);
  const areKept = signal(false);
  let owner = '';
  const present = signal<ReadonlyMap<string, readonly User[]>>(new Map());

  async function readAll(): Promise<Board[]> {
    const boards: Board[] = [];
    let after: string | null = null;
    do {
      const query: string = after === null ? '' : `&after=${encodeURIComponent(after)}`;
      const page: { boards: Board[]; next: string | null } = await service.call('GET', `/boards?limit=${PAGE}${query}`);
      boards.push(...page.boards);
      after = page.next;
    } while (after !== null);
    return boards.sort((one, other) => (one.createdAt < other.createdAt ? 1 : -1));
  }

  async function askPresence({ id }: Board): Promise<void> {
    const answer = await service
      .call<{ users: Array<{ user: User }> }>('GET', `/boards/${id}/presence`)
      .catch(() => undefined);
    if (answer)
      present.value = new Map(present.value).set(
        id,
        answer.users.map(({ user }) => user),
      );
  }

  return {
    all,
    present,
    areKept,
    async load(user) {
      if (owner !== user) all.value = undefined;
      owner = user;
      try {
        all.value = await readAll();
        areKept.value = false;
      } catch (error) {
        if (all.value === undefined) {
          all.value = await listBoards(user);
          areKept.value = true;
        }
        throw error;
      }
    },
    async loadPresence() {
      const waiting = (all.value ?? []).slice(0, MOST_ASKED);
      const askNext = async (): Promise<void> => {
        for (let next = waiting.shift(); next; next = waiting.shift()) await askPresence(next);
      };
      await Promise.all(Array.from({ length: AT_A_TIME }, askNext));
    },
    async create({ name, layout, template }) {
      const isFirst = (all.value ?? (await readAll())).length === 0;
      const { boardName, notes } = templates[template];
      const { board } = await service.call<{ board: Board }>('POST', '/boards', {
        name: name.trim() || boardName,
        layout,
      });
      const first =
        template === 'empty' && isFirst ? welcomeNotes(layout, matchMedia('(pointer: coarse)').matches) : notes;
      const operations = first.map((item) => ({ op: 'create', item }));
      if (operations.length > 0) await service.call('POST', `/boards/${board.id}/batch`, { operations });
      return board.id;
    },
  };
}
