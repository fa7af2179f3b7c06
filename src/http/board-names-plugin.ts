// `~<key>` in the place of a board's id: becomes the id before anything goes by it, wherever a request names a board.

import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { MOST_BOARDS } from './board-list.ts';
import { BOARD_PATTERN } from './schemas.ts';
import { ticketOf } from './ticket-of-request.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** By the id of a board that the request names by its key: `~<key>`. */
    boardNames: ReadonlyMap<string, string>;
  }
}

export interface BoardNamesOptions {
  /** @returns the ids of those keys that are a board's */
  findByKey: (keys: string[], isForStream: boolean) => Promise<ReadonlyMap<string, string>>;
}

const keyName = /^~[A-Za-z0-9._:-]{1,128}$/;
const none: ReadonlyMap<string, string> = new Map();

type Part = 'params' | 'body' | 'querystring';

/**
 * Where a board is named says the schema of the route: parameters and members of a body of its pattern, and `boards` of a
 * query. Each request looks its keys up anew, in one question: what was remembered might be the board that had the key
 * before. A key of no board becomes an id of none, so that the two are answered alike, whoever asks.
 */
export default fastifyPlugin(
  async (app: FastifyInstance, { findByKey }: BoardNamesOptions) => {
    app.decorateRequest('boardNames', {
      getter(this: FastifyRequest) {
        return found.get(this) ?? none;
      },
    });
    const found = new WeakMap<FastifyRequest, Map<string, string>>();
    const resolved = new WeakSet<FastifyRequest>();

    async function resolve(request: FastifyRequest, fields: string[], values: Record<string, unknown>): Promise<void> {
      const keys = [...new Set(fields.flatMap((field) => namesIn(values[field])))].map((name) => name.slice(1));
      if (keys.length === 0 || keys.length > MOST_BOARDS) return;
      const ids = await findByKey(keys, request.routeOptions.config.opensStream === true);
      const names = found.get(request) ?? new Map<string, string>();
      found.set(request, names);
      const idOf = (name: string): string => {
        const id = ids.get(name.slice(1)) ?? idOfNone(name);
        names.set(id, name);
        return id;
      };
      for (const field of fields) values[field] = withIds(values[field], idOf);
    }

    app.addHook('onRoute', (route) => {
      const inPath = fieldsOf(route, 'params');
      const inBody = fieldsOf(route, 'body');
      const inQuery = fieldsOf(route, 'querystring').filter((field) => field === 'boards');
      const resolveAddress = async (request: FastifyRequest) => {
        if (inPath.length > 0) await resolve(request, inPath, asRecord(request.params));
        if (inQuery.length > 0) await resolve(request, inQuery, asRecord(request.query));
      };
      if (inPath.length + inQuery.length > 0) {
        // Before who is calling is known: a ticket is looked up with the boards that it is to open.
        addFirst(route, 'onRequest', async (request) => {
          if (ticketOf(request) === undefined) return;
          resolved.add(request);
          await resolveAddress(request);
        });
        // And after it, where no ticket is: what anybody can make up is looked up for nobody in particular.
        addLast(route, 'onRequest', async (request) => {
          if (!resolved.has(request)) await resolveAddress(request);
        });
      }
      if (inBody.length > 0)
        addFirst(route, 'preValidation', (request) => resolve(request, inBody, asRecord(request.body)));
    });
  },
  { name: 'board-names' },
);

/** The fields of a part that name boards. */
function fieldsOf({ schema }: RouteOptions, part: Part): string[] {
  const { properties = {} } = (schema?.[part] ?? {}) as { properties?: Record<string, Field> };
  return Object.entries(properties)
    .filter(([name, { pattern, items }]) =>
      part === 'querystring' ? name === 'boards' : BOARD_PATTERN === (items?.pattern ?? pattern),
    )
    .map(([name]) => name);
}

interface Field {
  pattern?: string;
  items?: { pattern?: string };
}

function addFirst(
  route: RouteOptions,
  at: 'onRequest' | 'preValidation',
  hook: (request: FastifyRequest) => Promise<void>,
): void {
  const others = route[at] ?? [];
  route[at] = [hook, ...(Array.isArray(others) ? others : [others])] as never;
}

function addLast(route: RouteOptions, at: 'onRequest', hook: (request: FastifyRequest) => Promise<void>): void {
  route[at] = [route[at] ?? [], hook].flat() as never;
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** @param value an id or key, a list with commas, or several of one of them; anything else is left to the schema */
function namesIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(namesIn);
  if (typeof value !== 'string') return [];
  return value
    .split(',')
    .map(nameOf)
    .filter((name) => keyName.test(name));
}

function withIds(value: unknown, idOf: (name: string) => string): unknown {
  if (Array.isArray(value)) return value.map((each) => withIds(each, idOf));
  if (typeof value !== 'string' || !value.includes('~')) return value;
  return value
    .split(',')
    .map((part) => (keyName.test(nameOf(part)) ? part.trim().replace(nameOf(part), idOf(nameOf(part))) : part))
    .join();
}

/** Without the cursor that may follow. */
function nameOf(part: string): string {
  const [name = ''] = part.trim().split('@', 1);
  return name;
}

/** The same for the same name, so that a list may have several. No board is made with a UUID of version 8. */
function idOfNone(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
