// What a name is (of a user, a board, a token): one line of text that shows something. The function `is_name` of
// `is_name` of postgres/migrations says the same, for whoever else writes.

import { Type } from 'typebox';
import { FAULT } from './schemas.ts';

// Marks of direction, joiners and blanks, of which a name may hold some; and the blank of Braille, which is none by its
// class. What has no glyph in any font is no control character, and cannot be listed.
const invisible = '\\p{Z}\\p{Cc}\\p{Cf}\\p{Default_Ignorable_Code_Point}\\u2800';
/** A line ends at each of the last two for some who show it. */
const breaking = '\\p{Cc}\\u2028\\u2029';
/** White space that ends no line. */
const blank = '[^\\S\\p{Cc}\\u2028\\u2029]';
const inner = '[^\\s\\p{Cc}]';

/**
 * Around the name there may be any white space: it is trimmed. Each character fits one part of the pattern only, so that
 * it costs what the text is long. An empty text fits: it is too short, which is said in other words.
 */
const pattern = `^(?:|(?=[${invisible}]*[^${invisible}])\\s*${inner}(?:${blank}*${inner})*\\s*)$`;

/** @param maxLength in characters. What was checked by it has to be trimmed. */
export function nameInput(maxLength: number) {
  return Type.String({
    minLength: 1,
    maxLength,
    pattern,
    [FAULT]: 'must be one line without control characters, of which at least one character is visible',
    description: 'One line without control characters, of which at least one character is visible. Trimmed.',
  });
}

const breaks = new RegExp(`[${breaking}]+`, 'gu');
const somethingVisible = new RegExp(`[^${invisible}]`, 'u');

/**
 * For a name that somebody else has given, and nobody here can be told to change.
 *
 * @returns undefined when nothing is left of it
 */
export function cleanName(text: string, maxLength: number): string | undefined {
  const characters = [...text.toWellFormed().replaceAll('\0', '').replaceAll(breaks, ' ').trim()];
  const name = characters.slice(0, maxLength).join('').trim();
  return somethingVisible.test(name) ? name : undefined;
}
