// Every operation of the document, asked in every wrong way that is drawn; and that the judge of it can say no.

import t from 'tap';
import { Client } from '../helpers/client.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { readAnswers } from './answers.ts';
import { ApiDocument } from './api-document.ts';
import { type FuzzResult, fuzz } from './fuzz.ts';
import { startFuzzedNode } from './fuzzed-node.ts';
import { Judge } from './judge.ts';
import { type DrawnRequest, encode } from './requests.ts';
import { findFaults } from './verdict.ts';

/** More of them, and other ones: npm run fuzz. */
const REQUESTS = 500;
const SEED = 8;

const database = await useDatabase(t);

t.test('whatever is sent, answers keep to the document, and nobody else notices (E5)', async (t) => {
  const node = await startFuzzedNode(t, { DATABASE_URL: database.url });
  const result = await fuzz({ url: node.url, requests: REQUESTS, seed: SEED, readHeap: node.readHeap });
  t.strictSame(findFaults(result, node.logged), []);
  for (const status of [200, 201, 204, 400, 401, 403, 404, 415]) {
    t.ok(result.statuses.get(status), `an answer with ${status} was among them`);
  }
});

t.test('the judge refuses each answer that breaks the contract', async (t) => {
  const node = await startNode(t, database.url);
  const { body } = await Client.nobody(node).get('/openapi.json');
  const document = new ApiDocument(body);
  const judge = new Judge(document, 1000);
  const plain: DrawnRequest = {
    ...{ operation: 'GET /boards', method: undefined, caller: 'owner', params: [], query: [], headers: [] },
    ...{ body: undefined, mutations: [], contentType: 'application/json', damage: undefined, framing: 'length' },
    ...{ host: 'right', version: '1.1' },
  };
  const write: DrawnRequest = { ...plain, operation: 'POST /boards', body: { name: 'x', unknown: 1 } };
  const rulesFor = (drawn: DrawnRequest, answer: string, ms = 1) => {
    const request = encode(document, drawn, {});
    const bytes = Buffer.from(answer.replace(/^.*?\n\n/s, (head) => head.replaceAll('\n', '\r\n')));
    const answers = readAnswers(bytes, [request.method], true);
    return judge.judge([request], { answers, end: answers[0] ? undefined : 'closed', fault: undefined, ms });
  };
  const problem = (status: number, code: string, type = 'application/problem+json', fields = 'www-authenticate: x\n') =>
    `HTTP/1.1 ${status} x\n${fields}content-type: ${type}\n\n` +
    JSON.stringify({ type: 'urn:x', title: 'x', status, detail: 'x', code });
  const json = (status: number, value: object) =>
    `HTTP/1.1 ${status} x\ncontent-type: application/json\n\n${JSON.stringify(value)}`;
  const stream = (data: object) =>
    `HTTP/1.1 200 OK\ncontent-type: text/event-stream\n\nretry: 1000\nevent: close\ndata: ${JSON.stringify(data)}\n\n`;
  const follow: DrawnRequest = { ...plain, operation: 'GET /boards/{id}/events', params: ['«board»'] };
  const made = { board: { id: 'x', name: 'x' } };
  for (const [rule, drawn, answer, ms] of [
    [undefined, plain, json(200, { boards: [], next: null })],
    [undefined, plain, problem(401, 'TB_UNAUTHENTICATED')],
    ['nothing is answered with 5xx', plain, problem(503, 'TB_UNAVAILABLE')],
    ['every error is a problem of the contract', plain, problem(400, 'TB_INVALID', 'application/json')],
    ['every error is a problem of the contract', plain, problem(400, 'TB_UNKNOWN')],
    ['every error is a problem of the contract', plain, problem(400, 'TB_FORBIDDEN')],
    ['every error is a problem of the contract', plain, 'HTTP/1.1 417 x\n\n'],
    ['an answer fits its schema', plain, problem(412, 'TB_CONFLICT')],
    ['an answer fits its schema', plain, problem(403, 'TB_FORBIDDEN')],
    ['an answer fits its schema', plain, problem(401, 'TB_UNAUTHENTICATED', undefined, '')],
    ['a status is in the document', plain, json(206, {})],
    ['an answer fits its schema', plain, json(200, { boards: [] })],
    ['an answer fits its schema', plain, json(200, { boards: [], next: null, more: 1 })],
    ['a path of another method answers 405', { ...plain, method: 'PUT' }, problem(404, 'TB_NOT_FOUND')],
    ['a body that does not fit its schema is refused', write, json(201, made)],
    ['a body that is not UTF-8 is refused', { ...write, damage: 'invalid utf-8' }, json(201, made)],
    ['a number that cannot be kept is refused', { ...write, body: { name: '«raw:1e500»' } }, json(201, made)],
    [undefined, follow, stream({ reason: 'busy', retry: true })],
    ['a frame fits its schema', follow, stream({ reason: 'tired', retry: true })],
    ['every request is answered', plain, ''],
    ['no answer takes long', plain, problem(401, 'TB_UNAUTHENTICATED'), 1001],
  ] as Array<[string | undefined, DrawnRequest, string, number?]>) {
    const rules = rulesFor(drawn, answer, ms).map((finding) => finding.rule);
    if (rule === undefined) t.strictSame(rules, [], answer.slice(0, 40));
    else t.ok(rules.includes(rule), `${rule}: ${rules.join()}`);
  }
});

t.test('the verdict is about others, memory and the log of the node too', async (t) => {
  const calm: FuzzResult = {
    ...{ requests: 1, statuses: new Map(), violations: [], bystanderFaults: [], heap: { before: 1, after: 1 } },
    waits: { alone: { p50: 1, p99: 2, max: 3 }, meanwhile: { p50: 1, p99: 2, max: 3 } },
  };
  t.strictSame(findFaults(calm, [{ level: 30 }]), []);
  const slow = { ...calm, waits: { ...calm.waits, meanwhile: { p50: 1, p99: 501, max: 900 } } };
  t.match(findFaults(slow, []), [/^others wait no longer/]);
  t.match(findFaults({ ...calm, bystanderFaults: ['0 on turn 7'] }, []), [/^others are served/]);
  t.match(findFaults({ ...calm, heap: { before: 1, after: 2 ** 25 } }, []), [/^memory is flat/]);
  t.match(findFaults(calm, [{ level: 50, msg: 'request failed' }]), [/^no node logs an error/]);
});
