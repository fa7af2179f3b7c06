// Bodies of requests, drawn from the schemas of the document: valid, nearly valid, and hostile.

import fc from 'fast-check';
import type { ApiDocument, JsonSchema } from './api-document.ts';

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** One thing that is done to a valid body, at one of its places. */
export interface Mutation {
  kind: 'replace' | 'remove' | 'add' | 'wrap' | 'repeat';
  /** Counts the places, modulo how many there are. */
  at: number;
  value: Json;
}

const hostileNumbers = [
  '1e500',
  '-1e500',
  '12345678901234567890',
  '9007199254740993',
  '-0',
  '1e-400',
  '0.1e1',
  'NaN',
  '01',
];
const hostileStrings = [
  ...[
    '',
    ' ',
    '\u200b',
    '\u00a0',
    'a\nb',
    'a\u0000b',
    '\ud800',
    '\udc00x',
    '\u202eabc',
    '\ufeff',
    '\u0085',
    '𝕏',
    '«long:201»',
  ],
  ...[
    '«long:10001»',
    '«long:300000»',
    'null',
    '1',
    'urn:uuid:«board»',
    '«upper:board»',
    '{«board»}',
    '~key',
    '__proto__',
  ],
  ...[
    '«upper:item»',
    '«otherItem»',
    '«fresh:7»',
    '%00',
    "'; drop table items; --",
    '2020-01-01',
    'a@b',
    '"',
    '\\u0000',
  ],
];
const hostileValues: Json[] = [
  ...[null, true, false, 0, -1, 1, 0.5, 2 ** 31, 2 ** 53, -(2 ** 63), 1e308],
  ...[[], {}, [[]], [{}], [null], { '': '' }, { constructor: { prototype: 1 } }, { a: { b: { c: null } } }],
  ...['«deep:90»', '«deep:200»', '«deep:6000»', '«fill:501»', '«fill:80000»', '«members:2000»', '«members:15000»'],
];

/** Any value that a stranger may put where another one belongs. */
export const hostile: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom(...hostileValues),
  fc.constantFrom(...hostileStrings),
  fc.constantFrom(...hostileNumbers.map((number) => `«raw:${number}»`)),
  fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>,
  fc.string({ unit: 'binary', maxLength: 30 }),
);

export const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom('replace', 'remove', 'add', 'wrap', 'repeat'),
  at: fc.nat(12),
  value: hostile,
});

/** A value that the schema allows, or nearly: what no schema says is left to chance. @param name of the member */
export function fits(document: ApiDocument, reference: JsonSchema, name = ''): fc.Arbitrary<Json> {
  const schema = document.resolve(reference);
  const variants = schema.anyOf ?? schema.oneOf;
  if (variants) return fc.oneof(...variants.map((variant) => fits(document, variant, name)));
  if (schema.enum) return fc.constantFrom(...(schema.enum as Json[]));
  if (schema.const !== undefined) return fc.constant(schema.const as Json);
  switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
    case 'object':
      return object(document, schema);
    case 'array':
      return fc.array(fits(document, schema.items ?? {}, name), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(schema.maxItems ?? 4, Math.max(4, schema.minItems ?? 0)),
      });
    case 'string':
      return text(schema, name);
    case 'integer':
      return fc.integer({ min: schema.minimum ?? 0, max: Math.min(schema.maximum ?? 1000, 2 ** 31 - 1) });
    case 'number':
      return fc.double({ min: -1e6, max: 1e6, noNaN: true });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    default:
      return fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>;
  }
}

function object(document: ApiDocument, { properties = {}, required = [] }: JsonSchema): fc.Arbitrary<Json> {
  const members = Object.entries(properties).map(([name, schema]) => [name, fits(document, schema, name)] as const);
  if (members.length === 0) return fc.dictionary(fc.string({ maxLength: 5 }), fc.jsonValue({ maxDepth: 2 })) as never;
  const options = { requiredKeys: required as never[], noNullPrototype: true };
  return fc.record(Object.fromEntries(members), options) as fc.Arbitrary<Json>;
}

function text({ format, pattern, minLength = 0, maxLength = 40 }: JsonSchema, name: string): fc.Arbitrary<string> {
  if (format === 'uuid') return id(name);
  if (name === 'email') return fc.nat(9).map((number) => `u${number}@example.org`);
  if (name === 'password' || name === 'currentPassword') return fc.constant('correct horse');
  if (name === 'rank') return fc.constantFrom('a0', 'a1', 'Zz', 'a0V');
  if (pattern !== undefined && pattern !== '\\S') return fc.constantFrom('typing', 'a0');
  return fc.string({ unit: 'grapheme', minLength, maxLength: Math.min(maxLength, 40) });
}

function id(name: string): fc.Arbitrary<string> {
  if (name === 'userId') return fc.constantFrom('«stranger»', '«viewer»', '«owner»', '«fresh:1»');
  if (name === 'boards') return fc.constantFrom('«board»', '«otherBoard»', '«fresh:1»');
  return fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom('«item»', '«item2»', '«otherItem»') },
    { weight: 1, arbitrary: fc.nat(2 ** 40).map((number) => `«fresh:${number}»`) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('«upper:item»', '00000000-0000-0000-0000-000000000000', '«board»', '«otherBoard»'),
    },
  );
}

/** @returns the body with the mutations done to it, in their order */
export function mutate(body: Json, mutations: readonly Mutation[]): Json {
  return mutations.reduce<Json>((value, step) => {
    const places = placesOf(value);
    return change(value, places[step.at % places.length] ?? [], step);
  }, body);
}

type Place = Array<string | number>;

function placesOf(value: Json): Place[] {
  if (typeof value !== 'object' || value === null) return [[]];
  return [
    [],
    ...Object.entries(value)
      .slice(0, 40)
      .flatMap(([name, member]) => placesOf(member).map((place) => [name, ...place])),
  ];
}

function change(value: Json, [name, ...rest]: Place, { kind, value: other, at }: Mutation): Json {
  if (name !== undefined && typeof value === 'object' && value !== null) {
    if (kind === 'remove' && rest.length === 0 && !Array.isArray(value)) {
      return Object.fromEntries(Object.entries(value).filter(([key]) => key !== name));
    }
    const changed = (member: Json) => change(member, rest, { kind, value: other, at });
    if (Array.isArray(value))
      return value.map((member, index) => (`${index}` === `${name}` ? changed(member) : member));
    return Object.fromEntries(
      Object.entries(value).map(([key, member]) => [key, key === name ? changed(member) : member]),
    );
  }
  if (kind === 'wrap') return at % 2 === 0 ? [value] : { data: value };
  if (kind === 'repeat') return Array.from({ length: 3 }, () => value);
  if (kind === 'add' && typeof value === 'object' && value !== null) {
    return Array.isArray(value)
      ? [...value, other]
      : { ...value, ...(at % 2 === 0 ? { unknown: other } : { data: other }) };
  }
  return other;
}
