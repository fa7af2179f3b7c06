// Statements that name our tables and functions by their schema, which only the configuration knows.

import { LRUCache } from 'lru-cache';
import pg from 'pg';

/** Statements are constants and a few combinations of them. What is made by data has no place for the schema. */
const REMEMBERED = 1000;

/** Its statements keep the names that they always had, for whoever looks at what the server has prepared. */
const DEFAULT_SCHEMA = 'teamboard';

/**
 * A search_path cannot be relied on: a transaction pooler lends each transaction the connection of another client, and a
 * database that is shared has tables of our names. So each statement says where its tables are, as in psql:
 * `:schema.items` is an identifier, `:'schema'` a literal.
 *
 * @param schema which needs no quoting, see `loadConfig`; it is quoted yet, since it may be a keyword
 */
export function placeSchema(text: string, schema: string): string {
  return text.replaceAll(`:'schema'`, `'${schema}'`).replaceAll(/(?<!:):schema\b/g, `"${schema}"`);
}

export type SchemaClient = pg.Client;

/** @returns a client, for pools as well, whose statements may have places for the schema */
export function clientOfSchema(schema: string): typeof pg.Client {
  const placed = new LRUCache<string, string>({ max: REMEMBERED });
  const place = (text: string): string => {
    let known = placed.get(text);
    if (known === undefined) {
      known = placeSchema(text, schema);
      if (known !== text) placed.set(text, known);
    }
    return known;
  };
  // Two installations may share the connections of a pooler, and a name stands for one text there.
  const nameOf = (name: string): string => (schema === DEFAULT_SCHEMA ? name : `${schema} ${name}`);

  const placeIn = (statement: string | pg.QueryConfig | pg.Submittable) => {
    if (typeof statement === 'string') return place(statement);
    if (!('text' in statement)) return statement;
    const { name, text } = statement;
    return { ...statement, text: place(text), ...(name !== undefined && { name: nameOf(name) }) };
  };

  // biome-ignore lint/suspicious/noExplicitAny: the overloads of pg, of which only the first argument matters here
  type Query = (statement: any, ...others: any[]) => any;
  return class extends pg.Client {
    override query: Query = (statement, ...others) => (super.query as Query)(placeIn(statement), ...others);
  } as typeof pg.Client;
}
