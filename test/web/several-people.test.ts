// The board application in real browsers: what several people, several windows and the server do to each other.

import * as alone from './cases/alone.ts';
import * as connection from './cases/connection.ts';
import * as debug from './cases/debug.ts';
import { inOneWorld } from './cases/in-one-world.ts';
import { installed } from './cases/installed.ts';
import * as together from './cases/together.ts';

const test = inOneWorld();

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
test('<team-board> stands in the page of somebody else', alone.elsewhere);
test('a server that is killed and comes back gets what was written meanwhile, once (E1)', connection.restart);
test('seven tabs of one browser are all live, over one stream', connection.tabs);
test('installed, it opens without a network, never keeps what the server says, and never an old version', installed);
test('whoever debugs sees his or her streams, and how one that is cut comes back (E2)', debug.streams);
test('the page finds out what stands in between', debug.way);
