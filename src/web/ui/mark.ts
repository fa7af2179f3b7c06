// Shows for a moment that somebody else has changed what an element shows.

const MARK_MS = 1200;
const marks = new WeakMap<Element, Animation>();

/**
 * By the script and not by a class, which would have to be taken away and laid out before it could begin anew.
 *
 * @param color of who has
 */
export function markElement(element: Element, color: string): void {
  const ring = `0 0 0 4px ${color}`;
  const isStill = matchMedia('(prefers-reduced-motion: reduce)').matches;
  marks.get(element)?.cancel();
  const frames = { boxShadow: [ring, isStill ? ring : '0 0 0 4px transparent'] };
  marks.set(element, element.animate(frames, { duration: MARK_MS, easing: 'ease-out' }));
}
