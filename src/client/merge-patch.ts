// Merge patches (RFC 7396), as the server applies them, and what takes one back.

export type Json = Record<string, unknown>;

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @returns undefined for what an object only inherits: `data` may have a member `__proto__` */
function member(value: unknown, name: string): unknown {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

export function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || !one || !other) return false;
  const entries = Object.entries(one);
  return (
    Array.isArray(one) === Array.isArray(other) &&
    entries.length === Object.keys(other).length &&
    entries.every(([name, value]) => Object.hasOwn(other, name) && isSame(value, (other as Json)[name]))
  );
}

/** @returns what the patch makes of it; parts that it does not name stay the same objects */
export function merge(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result = new Map(Object.entries(isObject(target) ? target : {}));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) result.delete(name);
    else result.set(name, merge(result.get(name), value));
  }
  return Object.fromEntries(result);
}

/**
 * @returns one patch that does what both do, one after the other; undefined when there is none: no patch replaces an
 *   object by another
 */
export function compose(first: Json, second: Json): Json | undefined {
  const result = new Map(Object.entries(first));
  for (const [name, later] of Object.entries(second)) {
    const earlier = member(first, name);
    if (!isObject(later) || earlier === undefined) result.set(name, later);
    else {
      const both = isObject(earlier) ? compose(earlier, later) : undefined;
      if (!both) return undefined;
      result.set(name, both);
    }
  }
  return Object.fromEntries(result);
}

/** @returns the patch that takes back what `patch` would do to `target` */
export function invert(target: unknown, patch: Json): Json {
  return Object.fromEntries(
    Object.entries(patch).map(([name, value]) => {
      const before = member(target, name);
      return [name, isObject(before) && isObject(value) ? invert(before, value) : (before ?? null)];
    }),
  );
}

/** @returns as much of the patch as the other one does not name */
export function lacking(patch: Json, other: Json): Json {
  return Object.fromEntries(
    Object.entries(patch).flatMap(([name, value]): Array<[string, unknown]> => {
      if (!Object.hasOwn(other, name)) return [[name, value]];
      const inner = other[name];
      return isObject(value) && isObject(inner) ? [[name, lacking(value, inner)]] : [];
    }),
  );
}

/** @returns the patch, with what stands in `before` wherever it has the same as `made` */
export function replace(patch: Json, made: Json, before: Json): Json {
  return Object.fromEntries(
    Object.entries(patch).map(([name, value]) => {
      const [set, old] = [member(made, name), member(before, name)];
      if (isObject(value) && isObject(set) && isObject(old)) return [name, replace(value, set, old)];
      return [name, set !== undefined && isSame(value, set) ? old : value];
    }),
  );
}

export interface Fitting {
  patch: Json;
  /** What has another value now, such as `x` or `data.done`. */
  others: string[];
}

/** @returns as much of `back` as takes back what still is as `patch` has made it */
export function fitting(now: unknown, patch: unknown, back: Json): Fitting {
  const others: string[] = [];
  const entries = Object.entries(back).flatMap(([name, value]): Array<[string, unknown]> => {
    const [current, set] = [member(now, name), member(patch, name)];
    if (isObject(value) && isObject(set) && isObject(current)) {
      const inner = fitting(current, set, value);
      others.push(...inner.others.map((other) => `${name}.${other}`));
      return Object.keys(inner.patch).length > 0 ? [[name, inner.patch]] : [];
    }
    if (isSame(current, merge(undefined, set) ?? undefined)) return [[name, value]];
    others.push(name);
    return [];
  });
  return { patch: Object.fromEntries(entries), others };
}
