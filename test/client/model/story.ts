// A story of a page: what its user, other people, the network, the server and the tabs of a browser do, drawn at random; and
// what must hold when all is quiet.

import fc from 'fast-check';
import { isSame } from '../../../src/client/merge-patch.ts';
import type { Item } from '../../../src/client/types.ts';
import type { Fields, Made } from '../../../src/client/writes/offered.ts';
import { isUnsent, type Operation, type Write } from '../../../src/client/writes/write.ts';
import type { Browser } from './browser.ts';
import type { Clock } from './clock.ts';
import { ada, bob, type ModelServer, problem } from './server.ts';
import { createWorld, type Page, type World } from './world.ts';

const HOUR_MS = 3_600_000;

type Action =
  | {
      do: 'create' | 'delete' | 'undo' | 'redo' | 'close' | 'open' | 'revoke' | 'return' | 'sign-out' | 'sign-in';
      at: number;
    }
  | { do: 'update'; at: number; field: 'text' | 'x' | 'data'; gesture: boolean; checks: boolean }
  | { do: 'batch' | 'theirs'; at: number; what: number }
  | { do: 'wait'; ms: number }
  | { do: 'restart'; epoch: boolean }
  | { do: 'limit' | 'trim' | 'offline' | 'online' | 'denied' | 'allowed' | 'decide'; at: number };

const at = fc.nat(5);
const plain = (...names: string[]) => fc.record({ do: fc.constantFrom(...names), at }) as fc.Arbitrary<Action>;
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 4, arbitrary: plain('create') },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('update' as const),
      at,
      field: fc.constantFrom('text' as const, 'x' as const, 'data' as const),
      gesture: fc.boolean(),
      checks: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: plain('delete') },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('batch' as const), at, what: fc.nat(9) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('theirs' as const), at, what: fc.nat(9) }) },
  { weight: 4, arbitrary: plain('undo', 'redo') },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 20, 100, 400, 3000) }) },
  { weight: 2, arbitrary: plain('close', 'open') },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), epoch: fc.boolean() }) },
  { weight: 1, arbitrary: plain('revoke', 'return', 'sign-out', 'sign-in') },
  { weight: 2, arbitrary: plain('limit', 'trim', 'offline', 'online', 'denied', 'allowed', 'decide') },
);

/** What the page asked for, named so that the server's log shows which writes it has. */
interface Asked {
  name: string;
  tab: Page;
  made: Made;
  outcome: string | undefined;
  /** Its tab was closed while it was saving: what it had told may be known to no other tab. */
  isUnsaved: boolean;
}

class Story {
  readonly clock: Clock;
  readonly server: ModelServer;
  readonly browser: Browser;
  readonly asked: Asked[] = [];
  readonly faults: string[] = [];
  tabs: Page[] = [];
  readonly #world: World;
  /** By the user: some tab may have written it again, or nobody. */
  readonly #decided = new Set<string>();
  #wasDenied = false;
  #count = 0;

  constructor(seed: number) {
    this.#world = createWorld(seed);
    ({ clock: this.clock, server: this.server, browser: this.browser } = this.#world);
    for (const text of ['one', 'two']) this.#world.createTheirs(text);
  }

  openTab(): void {
    this.tabs.push(this.#world.openPage());
  }

  async act(action: Action): Promise<void> {
    const { server, browser } = this;
    const page = 'at' in action ? this.tabs[action.at % Math.max(1, this.tabs.length)] : undefined;
    if (action.do === 'wait') await this.clock.run(action.ms);
    else if (action.do === 'restart') server.restart(action.epoch);
    else if (action.do === 'trim') server.trim();
    else if (action.do === 'limit') this.#refuseForSomeTime();
    else if (action.do === 'revoke') server.revoke();
    else if (action.do === 'return') server.isMember = true;
    else if (action.do === 'sign-out') server.signOut();
    else if (action.do === 'sign-in') this.#signIn();
    else if (action.do === 'offline' || action.do === 'online') browser.setOnline(action.do === 'online');
    else if (action.do === 'denied') this.#deny();
    else if (action.do === 'allowed') browser.isStorageDenied = false;
    else if (action.do === 'open') this.openTab();
    else if (action.do === 'theirs') this.#writeTheirs(action.at, action.what);
    else if (page && action.do === 'close') this.#close(page);
    else if (page && action.do === 'decide') this.#decide(page, action.at);
    else if (page && (action.do === 'undo' || action.do === 'redo')) this.#turn(page, action.do);
    else if (page) this.#write(page, action);
    await this.clock.run(0);
  }

  #deny(): void {
    this.#wasDenied = true;
    this.browser.isStorageDenied = true;
  }

  #refuseForSomeTime(): void {
    this.server.refusal = problem(429, 'TB_TOO_MANY_WRITES', {}, { 'retry-after': '2' });
    this.clock.after(1500, () => {
      this.server.refusal = undefined;
    });
  }

  #signIn(): void {
    this.server.user = ada;
    this.server.isMember = true;
    for (const page of this.tabs) page.returns();
  }

  /** A tab that could keep nothing loses what it had not sent, and has said so. */
  #close(page: Page): void {
    const keeps = page.writes.state.kept === 'yes';
    page.tab.close();
    this.tabs = this.tabs.filter((other) => other !== page);
    for (const asked of this.asked) {
      if (asked.tab !== page) continue;
      asked.isUnsaved = !keeps;
      asked.outcome ??= keeps ? 'left' : 'lost';
    }
  }

  #decide(page: Page, at: number): void {
    const { undecided } = page.writes.state;
    const one = undecided[at % Math.max(1, undecided.length)];
    if (!one) return;
    this.#decided.add(one.key);
    const made = page.writes.decide(one.key, at % 2 ? 'mine' : 'theirs');
    if (made) this.#ask(`again ${one.key}`, page, made);
  }

  /** One of those that the page knows; its own too. */
  #pick(items: ReadonlyMap<string, Item>, at: number): string | undefined {
    const ids = [...items.keys()];
    return ids[at % Math.max(1, ids.length)];
  }

  #write(page: Page, action: Action): void {
    const { board } = page;
    this.#count += 1;
    const name = `w${this.#count}`;
    // Each write leaves its name in the item.
    const marked = (fields: Fields): Fields => ({ ...fields, data: { ...fields.data, [name]: 1 } });
    const view = page.shown;
    if (action.do === 'create') {
      const text = action.at === 5 ? 'refused' : name;
      this.#ask(name, page, board.create({ text, ...marked({}) }));
    }
    if (action.do === 'update') {
      const id = this.#pick(view, action.at);
      // Some of a gesture are refused.
      const text = action.at === 4 ? 'refused' : name;
      const value = { text, x: this.#count, data: { shared: this.#count } }[action.field];
      const version = view.get(id ?? '')?.version ?? 0;
      const options = { ...(action.gesture && { gesture: 'drag' }), ...(action.checks && { ifMatch: version }) };
      if (id) this.#ask(name, page, board.update(id, marked({ [action.field]: value }), options));
    }
    if (action.do === 'delete') {
      const id = this.#pick(view, action.at);
      if (id) this.#ask(name, page, board.delete(id));
    }
    if (action.do === 'batch') {
      const ids = [...view.keys()].slice(0, 1 + (action.what % 3));
      const updates = ids.map((id) => ({ op: 'update' as const, id, item: marked({ x: action.what }) }));
      this.#ask(name, page, board.write([...updates, { op: 'create', item: { text: name, ...marked({}) } }]));
    }
  }

  #ask(name: string, tab: Page, made: Made): void {
    const asked: Asked = { name, tab, made, outcome: undefined, isUnsaved: false };
    this.asked.push(asked);
    void made.settled.then(({ status }) => {
      asked.outcome ??= status;
    });
  }

  #turn(page: Page, which: 'undo' | 'redo'): void {
    const undone = page.board[which]();
    if (!undone?.made) return;
    this.#ask(`${which} ${undone.made.key}`, page, undone.made);
  }

  #writeTheirs(at: number, what: number): void {
    const { server } = this;
    const id = this.#pick(server.items, at);
    if (!id || what === 9) this.#world.createTheirs('theirs');
    else if (what === 8) server.write(bob, [{ op: 'delete', id }]);
    else
      server.write(bob, [
        {
          op: 'update',
          id,
          item: what % 2 ? { text: `theirs ${what}` } : { x: -1 - what, data: { shared: -1 - what } },
        },
      ]);
  }

  /** All is well again, and everything is tried until it is done. */
  async quieten(): Promise<void> {
    const { server, browser, clock } = this;
    browser.trouble = 0;
    browser.isStorageDenied = false;
    server.refusal = undefined;
    browser.setOnline(true);
    if (this.tabs.length === 0) this.openTab();
    this.#signIn();
    server.restart(false);
    // What ended before may only be heard now.
    await clock.run(3000);
    this.#signIn();
    const isQuiet = () => this.tabs.every(({ writes }) => writes.state.unsent === 0) && keptUnsent(browser) === 0;
    if (!(await clock.runUntil(isQuiet, HOUR_MS))) this.faults.push('unsent writes stay unsent');
    await clock.run(60_000);
  }

  check(): string[] {
    const { server, faults, tabs } = this;
    for (const { shown } of tabs) {
      const items = Object.fromEntries(shown);
      if (!isSame(items, Object.fromEntries(server.items))) {
        faults.push(`shown ${JSON.stringify(items)} is not ${JSON.stringify(Object.fromEntries(server.items))}`);
      }
    }
    for (const [key, count] of server.doneByKey) if (count > 1) faults.push(`${key} was done ${count} times`);
    // What a storage does not know, the next tab cannot: it may have the body of before.
    if (server.reused > 0 && !this.#wasDenied) faults.push('a key was used for two bodies');
    for (const asked of this.asked) this.#checkOne(asked);
    for (const { made, name } of this.asked) if (/^(undo|redo)/.test(name)) this.#checkTurn(made.key);
    return faults;
  }

  /** What takes something back changes nothing that somebody else has written last. */
  #checkTurn(turn: string): void {
    const { log } = this.server;
    for (const { id, seq, action, mutationId, written, object } of log) {
      if (mutationId !== turn || action === 'created') continue;
      const before = log.filter((other) => other.id === id && other.seq < seq);
      const [was, is] = [before.at(-1)?.object as Item, object as Item];
      const touched = action === 'deleted' ? [undefined] : fieldsOf(written);
      for (const field of touched) {
        // Beside what was done, a gesture may have a field that was refused: it is as it was.
        if (field && isSame(fieldOf(was, field), fieldOf(is, field))) continue;
        const last = before.findLast(
          (other) => !field || other.action === 'created' || fieldsOf(other.written).includes(field),
        );
        if (last?.actor?.id !== ada.id) this.faults.push(`${turn} takes back ${field ?? 'an item'} of somebody else`);
      }
    }
  }

  #checkOne({ name, made, outcome, isUnsaved }: Asked): void {
    const { server, faults, tabs } = this;
    const times = server.doneByKey.get(made.key) ?? 0;
    const told =
      this.#decided.has(made.key) ||
      tabs.some(({ writes }) => writes.state.undecided.some(({ key }) => key === made.key));
    if (outcome === undefined) faults.push(`${name} has no outcome`);
    if (outcome === 'done' && times !== 1) faults.push(`${name} is done, and was done ${times} times`);
    // A refusal that no storage takes is known to this tab alone: the next one sends what was kept before.
    if (['refused', 'conflict'].includes(outcome ?? '') && times !== 0 && !this.#wasDenied && !isUnsaved)
      faults.push(`${name} is ${outcome}, and done`);
    if (outcome === 'left' && times !== 1 && !told)
      faults.push(`${name} was left by its tab, and is neither done nor told`);
    if (!/^w/.test(name) || this.#decided.has(made.key)) return;
    // What its operations wrote, in whatever write they went.
    const events = server.log.filter(({ written }) => Object.hasOwn(written.item?.data ?? {}, name));
    const ids = new Set(events.map(({ id }) => id));
    const isAgain = this.asked.some((other) => other.name.startsWith('undo') || other.name.startsWith('redo'));
    if (!isAgain && ids.size !== events.length) faults.push(`${name} was written twice`);
  }
}

/** Those that several write: all but the names of the writes. */
function fieldsOf({ item = {} }: Operation): string[] {
  const { data = {}, ...fields } = item;
  return [...Object.keys(fields), ...('shared' in data ? ['data.shared'] : [])];
}

function fieldOf(item: Item, field: string): unknown {
  return field === 'data.shared' ? item.data.shared : item[field as keyof Item];
}

function keptUnsent({ kept }: Browser): number {
  return [...kept.values()].filter(({ write }) => isUnsent(write as Write)).length;
}

const story = fc.record({
  number: fc.nat(),
  trouble: fc.constantFrom(0, 0.1, 0.3),
  actions: fc.array(action, { maxLength: 40, size: 'max' }),
});

/** @returns what was wrong, with the smallest story that shows it; undefined when nothing was */
export async function checkStories(numRuns: number, seed: number): Promise<string | undefined> {
  const run = fc.asyncProperty(story, async ({ number, trouble, actions }) => {
    const world = new Story(number);
    world.browser.trouble = trouble;
    world.openTab();
    for (const action of actions) await world.act(action);
    await world.quieten();
    const faults = world.check();
    if (faults.length > 0) throw new Error(['faults:', ...faults].join('\n'));
  });
  const details = await fc.check(run, { numRuns, seed });
  return details.failed ? `${fc.defaultReportMessage(details)}\n${details.errorInstance}` : undefined;
}
