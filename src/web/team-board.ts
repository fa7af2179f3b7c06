// What `/team-board.js` is: `<team-board>`, for anyone's page.

import { defineTeamBoard } from './board/team-board.ts';

defineTeamBoard();
