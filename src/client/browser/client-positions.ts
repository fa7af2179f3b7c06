// What `/client-positions.js` is: apart, for pages that show where the others point at.

export { type Position, type Positions, positions } from '../positions.ts';
