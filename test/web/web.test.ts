// The board application in a real browser: one browser and one node for all cases.

import t, { type Test } from 'tap';
import { createWorld, type World } from '../helpers/app-pages.ts';
import { needsChromium } from '../helpers/chromium.ts';
import { accessible } from './cases/accessible.ts';
import * as alone from './cases/alone.ts';
import * as connection from './cases/connection.ts';
import * as debug from './cases/debug.ts';
import { installed } from './cases/installed.ts';
import { mouse } from './cases/mouse.ts';
import { past } from './cases/past.ts';
import * as together from './cases/together.ts';
import { touch } from './cases/touch.ts';
import { transfer } from './cases/transfer.ts';

let world: World;

t.before(async () => {
  if (!('skip' in needsChromium)) world = await createWorld(t);
});

const test = (name: string, run: (t: Test, world: World) => Promise<void>) =>
  t.test(name, needsChromium, async (t) => {
    world.complaints = [];
    await run(t, world);
    t.strictSame(
      world.complaints.flat(),
      [],
      'no browser complains: neither of a script, nor by the policy of the page',
    );
  });

test('a stranger starts, makes a board, invites somebody, keeps the account and signs in again', alone.start);
test('a page that has no TLS does all of it too', alone.withoutTls);
test('two people see each other, and each other’s notes, pointers and writing (E1)', together.edits);
test(
  'windows of one person see each other’s pointers, and a view is followed until one moves oneself',
  together.windows,
);
test('two versions of one text are shown to choose from, and none is lost', together.conflict);
test('what was written without a network is sent on return, each once (E1)', together.offline);
test('a removed member’s page says so, and takes nothing any more (E6)', together.removal);
test('an owner makes an editor a viewer, an editor again, and nobody', together.roles);
test('whoever wants to see the stream of a board sees its frames as they come', together.stream);
test('two who reorder a list at once both win, and a hand can drag too', together.reorder);
test('items go from one column to another by keys and by hand, two of them at once', together.columns);
test('fingers move notes and the view, and zoom', touch);
test('a mouse chooses and copies several notes, wheel and trackpad look around, and a crash loses no text', mouse);
test('a session by keyboard alone', alone.keyboard);
test('a list by keyboard alone', alone.listByKeyboard);
test('a note is found wherever it lies, and all that can be done by its name', alone.find);
test('notes out of sight have no elements, and each has three at most', alone.largeBoard);
test('what was done while somebody was away, what a note was, and the board as it was (E2)', past);
test('<team-board> stands in the page of somebody else', alone.elsewhere);
test('a server that is killed and comes back gets what was written meanwhile, once (E1)', connection.restart);
test('seven tabs of one browser are all live, over one stream', connection.tabs);
test('a board is printed as a list that can be read', alone.printed);
test('installed, it opens without a network, never keeps what the server says, and never an old version', installed);
test('whoever debugs sees his or her streams, and how one that is cut comes back (E2)', debug.streams);
test('the page finds out what stands in between', debug.way);
test('a board goes into files and comes back as it was, and no note comes twice', transfer);
test('no page breaks a rule of axe, in light', (t, world) => accessible(t, world, 'light'));
test('no page breaks a rule of axe, in dark', (t, world) => accessible(t, world, 'dark'));
