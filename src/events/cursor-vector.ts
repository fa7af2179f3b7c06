// The places of many boards in one cursor, as the `id:` of a stream of many boards carries it:
//
//   1 digit    the version; another one when what is not named is lost
//   6 digits   the epoch: the history of the database
//   3 digits   the layout of the entries
//   5 digits   a checksum over all of it
//   the rest   an entry for each board, rising by the boards' numbers
//
// At most 40 digits, and 6 more for each board, where the database has a million boards and they have some hundred
// thousand events each. Larger numbers make it longer: it is exact whatever they are.

import {
  DIGITS,
  decodeEntry,
  digitsOf,
  type Entry,
  encodeEntry,
  fromDigits,
  type Layout,
  MOST_ENTRY_DIGITS,
  MOST_SHORT_DIGITS,
  replaceEntry,
  toDigits,
  writeDigits,
} from './vector-entry.ts';

export interface VectorPlace {
  /** Of the board, in the history of the database. */
  number: number;
  /** The last event that the holder has seen; undefined when its place is lost: a reset or a snapshot is due. */
  seq: number | undefined;
}

export interface VectorHead {
  epoch: string;
  /** Whether a board that it does not name is lost, and not new. */
  isRestLost: boolean;
}

/** An unusable one is never an error: the answer to it is `reset`. */
export interface Vector extends VectorHead {
  /** By the number of the board. */
  places: ReadonlyMap<number, number | undefined>;
}

const pattern = /^[AB][A-Za-z0-9_-]{14,}$/;
const EPOCH = /^[0-9a-f]{8}$/;
const HEAD_DIGITS = 15;
const CHECKSUM_DIGITS = 5;
const CHECKSUM_AT = HEAD_DIGITS - CHECKSUM_DIGITS;
const CHECKSUM = 2 ** 30 - 1;

/** What a {@link VectorText} says of one board. */
export interface VectorEntry extends Entry {
  readonly number: number;
  /** Where it stands in the bytes. */
  at: number;
  digits: number;
  checksum: number;
}

/** A vector whose places move one by one, as they do while a stream is written to. */
export class VectorText {
  readonly #begin: string;
  /** By number. */
  readonly #entries: VectorEntry[] = [];
  #layout: Layout = { digits: 1, radix: 1 };
  #bytes = Buffer.alloc(0);
  #checksum: number;

  /** @param places of different boards, in any order */
  constructor({ epoch, isRestLost }: VectorHead, places: VectorPlace[]) {
    if (!EPOCH.test(epoch)) throw new TypeError(`no epoch: ${epoch}`);
    const history = Number.parseInt(epoch, 16);
    this.#begin = (isRestLost ? 'B' : 'A') + toDigits(history, 6);
    this.#checksum = checksumOf(history, isRestLost ? 1 : 0);
    let before = 0;
    for (const { number, seq } of [...places].sort((one, other) => one.number - other.number)) {
      const place = placeOf(seq);
      const checksum = checksumOf(number, place);
      this.#checksum = (this.#checksum + checksum) & CHECKSUM;
      this.#entries.push({ number, gap: number - before - 1, place, at: 0, digits: 0, checksum });
      before = number;
    }
    this.#layOut();
  }

  /** Of {@link toString}, until the next move: a stream copies them into each of its frames. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  /** @param number one that it was made with */
  entryOf(number: number): VectorEntry {
    const entry = this.#entries.find((other) => other.number === number);
    if (!entry) throw new RangeError(`no board ${number}`);
    return entry;
  }

  /** @param entry of this text */
  move(entry: VectorEntry, seq: number | undefined): void {
    const place = placeOf(seq);
    const hasOutgrown = place >= this.#layout.radix && entry.place < this.#layout.radix;
    const checksum = checksumOf(entry.number, place);
    this.#checksum = (this.#checksum + checksum - entry.checksum) & CHECKSUM;
    entry.checksum = checksum;
    entry.place = place;
    if (hasOutgrown || !replaceEntry(this.#bytes, entry.at, entry.digits, entry, this.#layout)) this.#layOut();
    else writeDigits(this.#bytes, CHECKSUM_AT, this.#checksum, CHECKSUM_DIGITS);
  }

  toString(): string {
    return this.#bytes.toString('latin1');
  }

  #layOut(): void {
    const { layout, text } = chooseLayout(this.#entries);
    this.#layout = sharedLayout(text, layout);
    let all = this.#begin + text + toDigits(this.#checksum, CHECKSUM_DIGITS);
    for (const entry of this.#entries) {
      const digits = encodeEntry(entry, layout);
      entry.at = all.length;
      entry.digits = digits.length;
      all += digits;
    }
    this.#bytes = Buffer.from(all, 'latin1');
  }
}

export function formatVector({ places, ...head }: Vector): string {
  return new VectorText(
    head,
    [...places].map(([number, seq]) => ({ number, seq })),
  ).toString();
}

/**
 * @param mostBoards that it may name: what is longer is not read
 * @returns undefined for anything that {@link VectorText} cannot have made
 */
export function parseVector(text: string, mostBoards = Infinity): Vector | undefined {
  if (text.length > HEAD_DIGITS + mostBoards * MOST_ENTRY_DIGITS || !pattern.test(text)) return undefined;
  const history = fromDigits(text.slice(1, 7));
  const layout = parseLayout(text.slice(7, 10));
  if (history >= 2 ** 32 || !layout) return undefined;
  const isRestLost = text.startsWith('B');
  let checksum = checksumOf(history, isRestLost ? 1 : 0);
  const places = new Map<number, number | undefined>();
  let number = 0;
  for (let at = HEAD_DIGITS; at < text.length; ) {
    const entry = decodeEntry(text, at, layout);
    if (!entry) return undefined;
    const { gap, place, end } = entry;
    number += gap + 1;
    if (!Number.isSafeInteger(number) || !Number.isSafeInteger(place)) return undefined;
    // Of all spellings one is ours.
    if (encodeEntry(entry, layout) !== text.slice(at, end)) return undefined;
    checksum += checksumOf(number, place);
    if (places.size === mostBoards) return undefined;
    places.set(number, place === 0 ? undefined : place - 1);
    at = end;
  }
  if ((checksum & CHECKSUM) !== fromDigits(text.slice(10, HEAD_DIGITS))) return undefined;
  return { epoch: history.toString(16).padStart(8, '0'), isRestLost, places };
}

function placeOf(seq: number | undefined): number {
  return seq === undefined ? 0 : seq + 1;
}

/** The radix is (64 + first digit) · 2^second: near enough. */
function parseLayout(text: string): Layout | undefined {
  const [mantissa, exponent, digits] = [...text].map((digit) => DIGITS.indexOf(digit)) as [number, number, number];
  const radix = (64 + mantissa) * 2 ** exponent;
  return digits < 1 || digits > MOST_SHORT_DIGITS || exponent > 40 ? undefined : { digits, radix };
}

/** By the text, of which there are some thousands. */
const layouts = new Map<string, Layout>();

/** @returns one for all vectors that have it: thousands of them move one after the other, and it is at hand then */
function sharedLayout(text: string, layout: Layout): Layout {
  const shared = layouts.get(text) ?? layout;
  layouts.set(text, shared);
  return shared;
}

/** @returns that in which the entries take the fewest digits, of those that leave the places room to grow */
function chooseLayout(entries: readonly Entry[]): { layout: Layout; text: string } {
  const places = entries.map(({ place }) => place).sort((one, other) => one - other);
  const most = [1, 0.95, 0.9, 0.8, 0.65, 0.5].map((share) => places[Math.ceil(places.length * share) - 1] ?? 0);
  let best = { layout: { digits: 1, radix: 64 }, text: 'AAB' };
  let least = Infinity;
  for (const place of new Set(most)) {
    const start = radixText(place + place / 16 + 64);
    for (let digits = MOST_SHORT_DIGITS; digits > 0; digits -= 1) {
      const text = start + toDigits(digits, 1);
      const layout = parseLayout(text) ?? best.layout;
      let sum = 0;
      for (const { gap, place } of entries) {
        sum += digitsOf(gap, place, layout);
        if (sum >= least) break;
      }
      if (sum < least) {
        least = sum;
        best = { layout, text };
      }
    }
  }
  return best;
}

/** @returns the two digits of the least radix above */
function radixText(least: number): string {
  const exponent = Math.min(40, Math.max(0, Math.floor(Math.log2(least)) - 6));
  const mantissa = Math.ceil(least / 2 ** exponent) - 64;
  if (mantissa > 63)
    return exponent < 40 ? toDigits(0, 1) + toDigits(exponent + 1, 1) : toDigits(63, 1) + toDigits(40, 1);
  return toDigits(mantissa, 1) + toDigits(exponent, 1);
}

/** Of a pair of numbers; the sum of several is that of all, whatever moves last (the finalizer of MurmurHash3). */
function checksumOf(one: number, other: number): number {
  const half = mixed(mixed(0x2f0b4c47, one), one / 2 ** 32);
  return mixed(mixed(half, other), other / 2 ** 32) & CHECKSUM;
}

function mixed(before: number, word: number): number {
  let hash = before ^ word;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
