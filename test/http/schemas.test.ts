// Schemas are compiled when a request first needs them; here all are, so that none is broken until somebody meets it.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { FastifyInstance, RouteOptions } from 'fastify';
import t from 'tap';
import { isRank, RANK_FORMAT } from '../../src/boards/rank.ts';
import { type Compiled, onFirstUse } from '../../src/http/on-first-use.ts';
import { createSerializer } from '../../src/http/serialization-plugin.ts';
import { createValidators } from '../../src/http/validation-plugin.ts';
import { startNode, useDatabase } from '../helpers/node.ts';

const database = await useDatabase(t);

interface ResponseSchema {
  content?: Record<string, { schema: object }>;
}

/** All of a node's routes, as their plugins have left them. */
async function collectRoutes() {
  const routes: RouteOptions[] = [];
  const collect = (message: unknown) => {
    (message as { fastify: FastifyInstance }).fastify.addHook('onRoute', (route) => void routes.push(route));
  };
  subscribe('fastify.initialization', collect);
  const { app } = await startNode(t, database.url);
  unsubscribe('fastify.initialization', collect);
  return { routes, shared: app.getSchemas() };
}

t.test('every schema of every route compiles', async (t) => {
  const { routes, shared } = await collectRoutes();
  const { bodies, parameters } = createValidators({ formats: { [RANK_FORMAT]: isRank } });
  const said = t.capture(console, 'warn');
  const compiled = { bodies: 0, parameters: 0, responses: 0 };
  for (const { method, url, schema = {} } of routes) {
    const title = `${method} ${url}`;
    const { body, params, querystring, headers, response = {} } = schema;
    if (body) {
      t.doesNotThrow(() => bodies(body), `${title}: body`);
      compiled.bodies++;
    }
    for (const [part, parameter] of Object.entries({ params, querystring, headers })) {
      if (!parameter) continue;
      t.doesNotThrow(() => parameters(parameter), `${title}: ${part}`);
      compiled.parameters++;
    }
    for (const [status, answer] of Object.entries(response as Record<string, ResponseSchema>)) {
      const schemas = answer.content ? Object.values(answer.content).map(({ schema }) => schema) : [answer];
      for (const schema of schemas) {
        t.doesNotThrow(() => createSerializer(schema, shared), `${title}: ${status}`);
        compiled.responses++;
      }
    }
  }
  t.ok(
    Object.values(compiled).every((count) => count >= 10),
    `some of each: ${JSON.stringify(compiled)}`,
  );
  t.same(said(), [], 'and none has a word that its validator does not know');
});

t.test('a schema is compiled when it is first used, and equal ones once', async (t) => {
  const compiled: object[] = [];
  const shared: Compiled<string, string> = new Map();
  const ofNode = () =>
    onFirstUse((schema: { prefix: string }) => {
      compiled.push(schema);
      return (text: string) => schema.prefix + text;
    }, shared);
  const prefixWith = ofNode();
  const [first, equal, other] = [prefixWith({ prefix: 'a' }), prefixWith({ prefix: 'a' }), prefixWith({ prefix: 'b' })];
  t.same(compiled, [], 'none before');
  t.equal(first('1'), 'a1');
  t.equal(equal('2'), 'a2');
  t.equal(other('3'), 'b3');
  t.equal(first('4'), 'a4');
  t.equal(ofNode()({ prefix: 'b' })('5'), 'b5', 'by another node of the process');
  t.same(compiled, [{ prefix: 'a' }, { prefix: 'b' }]);
});
