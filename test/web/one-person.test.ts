// The board application in a real browser: what one person does with it.

import { accessible } from './cases/accessible.ts';
import * as alone from './cases/alone.ts';
import { inOneWorld } from './cases/in-one-world.ts';
import { mouse } from './cases/mouse.ts';
import { past } from './cases/past.ts';
import { touch } from './cases/touch.ts';
import { transfer } from './cases/transfer.ts';

const test = inOneWorld();

test('a stranger starts, makes a board, invites somebody, keeps the account and signs in again', alone.start);
test('a page that has no TLS does all of it too', alone.withoutTls);
test('fingers move notes and the view, and zoom', touch);
test('a mouse chooses and copies several notes, wheel and trackpad look around, and a crash loses no text', mouse);
test('a session by keyboard alone', alone.keyboard);
test('a list by keyboard alone', alone.listByKeyboard);
test('a note is found wherever it lies, and all that can be done by its name', alone.find);
test('notes out of sight have no elements, and each has three at most', alone.largeBoard);
test('what was done while somebody was away, what a note was, and the board as it was (E2)', past);
test('a board is printed as a list that can be read', alone.printed);
test('a board goes into files and comes back as it was, and no note comes twice', transfer);
test('no page breaks a rule of axe, in light', (t, world) => accessible(t, world, 'light'));
test('no page breaks a rule of axe, in dark', (t, world) => accessible(t, world, 'dark'));
