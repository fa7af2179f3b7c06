// Numbers of a body that would come back as others: JSON has any, and we keep doubles.

/** A number is preceded by one of few characters. May also match inside of a string, which costs a closer look. */
const mayBeInexact = /[:,[\s]-?[0-9.]*(?:[0-9.]{16}|[0-9][eE])/;
const stringOrNumber = /"[^"\\]*(?:\\.[^"\\]*)*"|-?[0-9][0-9.eE+-]*/g;

/**
 * By the rule that the tables have too: a number is kept when it is, as a decimal, the shortest one that names its double,
 * however it is written. `-0`, `1.0`, `1e3` and `0.1` are; 12345678901234567890 is not, which a double has as …567000.
 * Those too large for any double are left to whoever can say where they are.
 *
 * @param json known to be JSON @returns the first that is not kept
 */
export function findInexactNumber(json: string): string | undefined {
  if (!mayBeInexact.test(json)) return undefined;
  for (const [token] of json.matchAll(stringOrNumber)) {
    if (token.startsWith('"')) continue;
    const number = Number(token);
    if (isSurelyKept(token, Math.abs(number))) continue;
    if (Number.isFinite(number) && decimalOf(token) !== decimalOf(String(number))) return token;
  }
  return undefined;
}

/** Fifteen digits are kept by every double, but for the smallest. There may be a quarter of a million of them. */
function isSurelyKept(token: string, size: number): boolean {
  if (size === 0) return /^-?[0.]+(?:[eE]|$)/.test(token);
  return token.length < 16 && size > 1e-300 && size < 1e300;
}

/** @returns the same for the same decimal, without its sign: its digits, and how many there are before the point */
function decimalOf(number: string): string {
  const [, whole = '', fraction = '', exponent = '0'] = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(number) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const point = Number(exponent) + digits.length - fraction.length;
  // Not by /0+$/, which tries each run of zeros to its end, from each of its places: 80 KB of them took nine seconds.
  let end = digits.length;
  while (end > 0 && digits[end - 1] === '0') end -= 1;
  const shortest = digits.slice(0, end);
  return shortest === '' ? '0' : `${shortest}e${point}`;
}
