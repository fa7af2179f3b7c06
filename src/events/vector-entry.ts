// One board in a cursor of many: its number and its place in the log, in a few digits.

/** 6 bits each; safe in an address and in a header field, and none of them can end a line of the stream. */
export const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
/** Of the short entries: what they hold is counted in doubles. */
export const MOST_SHORT_DIGITS = 7;
/** Of any entry: a spelt one says its length in 5 bits. */
export const MOST_ENTRY_DIGITS = 31;

/** What is one digit longer may have a greater place, or a greater gap. */
const GREATER = 8;
const CODES = Buffer.from(DIGITS, 'latin1');
const POWERS = Array.from({ length: 54 }, (_, exponent) => 2 ** exponent) as number[];
const PAIRS = [...DIGITS].flatMap((first) => [...DIGITS].map((second) => first + second));

export interface Entry {
  /** From the number of the board before, less 1. */
  gap: number;
  /** A seq and 1; 0: there is none. */
  place: number;
}

/** How the entries of one vector are laid out: chosen so that they are short, and written at its beginning. */
export interface Layout {
  /** The length that entries mostly have. */
  digits: number;
  /** Greater than the places that they mostly have. */
  radix: number;
}

/**
 * - `0`, and the rest of the digits of the layout: gap and place as one number, the place below the radix;
 * - `10`, and one digit more: the same with a greater radix;
 * - `11`: its length in 5 bits, that of the gap in 6, the gap, and what is left is the place.
 */
export function encodeEntry({ gap, place }: Entry, layout: Layout): string {
  const { digits, radix } = layout;
  const form = formOf(gap, place, layout);
  if (form === 'short') return toDigits(gap * radix + place, digits);
  if (form === 'longer') return toDigits(longerValue(gap, place, layout), digits + 1);
  const count = digitsOf(gap, place, layout);
  const gapBits = widthOf(gap);
  const head = (0b11n << 11n) | (BigInt(count) << 6n) | BigInt(gapBits);
  const placeBits = BigInt(6 * count - 13 - gapBits);
  return toManyDigits((((head << BigInt(gapBits)) | BigInt(gap)) << placeBits) | BigInt(place), count);
}

/**
 * The same as {@link encodeEntry}, over one that stands there.
 *
 * @param length of that one, in digits
 * @returns false when this one is longer or shorter: nothing is written then
 */
export function replaceEntry(bytes: Buffer, at: number, length: number, entry: Entry, layout: Layout): boolean {
  const { gap, place } = entry;
  const { digits, radix } = layout;
  const form = formOf(gap, place, layout);
  if (form === 'spelt') {
    const text = encodeEntry(entry, layout);
    return text.length === length && bytes.write(text, at, 'latin1') === length;
  }
  if (length !== (form === 'short' ? digits : digits + 1)) return false;
  writeDigits(bytes, at, form === 'short' ? gap * radix + place : longerValue(gap, place, layout), length);
  return true;
}

/** @returns how long the entry is */
export function digitsOf(gap: number, place: number, layout: Layout): number {
  const form = formOf(gap, place, layout);
  if (form === 'spelt') return Math.ceil((13 + widthOf(gap) + widthOf(place)) / 6);
  return form === 'short' ? layout.digits : layout.digits + 1;
}

function formOf(gap: number, place: number, { digits, radix }: Layout): 'short' | 'longer' | 'spelt' {
  if (place < radix && gap * radix + place < powerOf2(6 * digits - 1)) return 'short';
  const greater = GREATER * radix;
  return place < greater && gap * greater + place < powerOf2(6 * digits + 4) ? 'longer' : 'spelt';
}

function longerValue(gap: number, place: number, { digits, radix }: Layout): number {
  return gap * GREATER * radix + place + powerOf2(6 * digits + 5);
}

/** From a table: it is asked for at each move of a stream. */
function powerOf2(exponent: number): number {
  return POWERS[exponent] as number;
}

/** @returns undefined when there is none at that place. What is read may not be what {@link encodeEntry} would make */
export function decodeEntry(
  text: string,
  start: number,
  { digits, radix }: Layout,
): (Entry & { end: number }) | undefined {
  const first = DIGITS.indexOf(text.charAt(start));
  if (first < 0b110000) {
    const isLonger = first >= 0b100000;
    const end = start + digits + (isLonger ? 1 : 0);
    if (end > text.length) return undefined;
    const value = fromDigits(text.slice(start, end)) - (isLonger ? 2 ** (6 * digits + 5) : 0);
    const base = isLonger ? GREATER * radix : radix;
    return { gap: Math.floor(value / base), place: value % base, end };
  }
  const count = ((first & 0b1111) << 1) + (fromDigits(text.slice(start + 1, start + 2)) >> 5);
  const end = start + count;
  if (count < 3 || end > text.length) return undefined;
  const value = [...text.slice(start, end)].reduce((sum, digit) => (sum << 6n) | BigInt(DIGITS.indexOf(digit)), 0n);
  const bits = 6 * count - 13;
  const gapBits = Number((value >> BigInt(bits)) & 0b111111n);
  if (gapBits > bits) return undefined;
  const placeBits = BigInt(bits - gapBits);
  const gap = Number((value >> placeBits) & ((1n << BigInt(gapBits)) - 1n));
  return { gap, place: Number(value & ((1n << placeBits) - 1n)), end };
}

/** @returns the bits of a whole number; 0 has none */
export function widthOf(value: number): number {
  return value < 2 ** 32 ? 32 - Math.clz32(value) : 64 - Math.clz32(value / 2 ** 32);
}

/** @param value below 2^48 */
export function toDigits(value: number, count: number): string {
  const low = value % 2 ** 24;
  if (count > 4) return toDigits(Math.floor(value / 2 ** 24), count - 4) + PAIRS[low >> 12] + PAIRS[low & 4095];
  const text = `${PAIRS[low >> 12]}${PAIRS[low & 4095]}`;
  return count === 4 ? text : text.slice(4 - count);
}

/** The same as {@link toDigits}, into bytes: no text is made, and nothing outside JavaScript is called. */
export function writeDigits(bytes: Buffer, at: number, value: number, count: number): void {
  const high = Math.floor(value / 2 ** 24);
  let left = value - high * 2 ** 24;
  for (let index = 1; index <= count; index += 1) {
    bytes[at + count - index] = CODES[left & 63] as number;
    left = index === 4 ? high : left >>> 6;
  }
}

export function fromDigits(text: string): number {
  let value = 0;
  for (const digit of text) value = value * 64 + DIGITS.indexOf(digit);
  return value;
}

function toManyDigits(value: bigint, count: number): string {
  let text = '';
  for (let left = value; text.length < count; left >>= 6n) text = DIGITS.charAt(Number(left & 63n)) + text;
  return text;
}
