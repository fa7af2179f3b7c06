// Places on the surface, and how much of it a note takes.

export interface Point {
  x: number;
  y: number;
}

export interface Size {
  width: number;
  height: number;
}

export interface Box extends Point, Size {}

/** Of a note, as far as it is not known: the width is that of the style sheet. */
export const NOTE: Size = { width: 200, height: 130 };

const GAP = 24;
/** So many rings of places round the first one are tried, half a note apart. */
const MOST_RINGS = 12;

export const overlaps = (one: Box, other: Box): boolean =>
  one.x < other.x + other.width &&
  other.x < one.x + one.width &&
  one.y < other.y + other.height &&
  other.y < one.y + one.height;

/** @returns whether all of the other one is in it */
export const holds = (box: Box, other: Box): boolean =>
  box.x <= other.x &&
  box.y <= other.y &&
  other.x + other.width <= box.x + box.width &&
  other.y + other.height <= box.y + box.height;

/** @returns the place, or the nearest one where a note covers none; where all is full, the place itself */
export function freePlace(place: Point, notes: readonly Point[]): Point {
  const reach = MOST_RINGS * NOTE.width;
  const near = notes
    .filter(({ x, y }) => Math.abs(x - place.x) < reach && Math.abs(y - place.y) < reach)
    .map(({ x, y }) => ({ x, y, ...NOTE }));
  for (const { x, y } of placesRound(place)) {
    const box = { x, y, ...NOTE };
    if (!near.some((note) => overlaps(box, note))) return { x, y };
  }
  return place;
}

/** In rings, the nearest ones of each first. */
function* placesRound({ x, y }: Point): Generator<Point> {
  const [wide, high] = [(NOTE.width + GAP) / 2, (NOTE.height + GAP) / 2];
  yield { x, y };
  for (let ring = 1; ring <= MOST_RINGS; ring += 1) {
    const places: Point[] = [];
    for (let column = -ring; column <= ring; column += 1) {
      for (let row = -ring; row <= ring; row += 1) {
        if (Math.max(Math.abs(column), Math.abs(row)) === ring) places.push({ x: column * wide, y: row * high });
      }
    }
    places.sort((one, other) => Math.hypot(one.x, one.y) - Math.hypot(other.x, other.y));
    for (const by of places) yield { x: x + by.x, y: y + by.y };
  }
}
