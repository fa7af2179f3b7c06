// What an error of the database, or of the way to it, says about the statement that met it.

import t from 'tap';
import { asDatabaseProblem, isOutcomeUnknown } from '../../src/postgres/database-problem.ts';

const errorOf = (message: string, more: object = {}) => Object.assign(new Error(message), more);

/** In the words of pg, pg-pool and Node. */
const cases: Array<{ error: Error; isOutcomeUnknown: boolean }> = [
  // Before the statement was sent, or refused by the server: nothing was done.
  { error: errorOf('connect ECONNREFUSED', { code: 'ECONNREFUSED', syscall: 'connect' }), isOutcomeUnknown: false },
  { error: errorOf('connect ETIMEDOUT', { code: 'ETIMEDOUT', syscall: 'connect' }), isOutcomeUnknown: false },
  { error: errorOf('connect EMFILE', { code: 'EMFILE', syscall: 'connect' }), isOutcomeUnknown: false },
  { error: errorOf('timeout exceeded when trying to connect'), isOutcomeUnknown: false },
  { error: errorOf('Connection terminated due to connection timeout'), isOutcomeUnknown: false },
  { error: errorOf('canceling statement due to lock timeout', { code: '55P03' }), isOutcomeUnknown: false },
  { error: errorOf('could not extend file', { code: '53100' }), isOutcomeUnknown: false },
  { error: errorOf('the database system is starting up', { code: '57P03' }), isOutcomeUnknown: false },
  { error: errorOf('cannot execute INSERT in a read-only transaction', { code: '25006' }), isOutcomeUnknown: false },
  // While it was under way.
  { error: errorOf('Connection terminated unexpectedly'), isOutcomeUnknown: true },
  { error: errorOf('Query read timeout'), isOutcomeUnknown: true },
  { error: errorOf('read ECONNRESET', { code: 'ECONNRESET', syscall: 'read' }), isOutcomeUnknown: true },
  { error: errorOf('terminating connection due to administrator command', { code: '57P01' }), isOutcomeUnknown: true },
  { error: errorOf('connection failure', { code: '08006' }), isOutcomeUnknown: true },
];

t.test('each way in which the database can be away is a 503, and tells what may have been done (E8)', async (t) => {
  for (const { error, isOutcomeUnknown: expected } of cases) {
    const problem = asDatabaseProblem(error);
    t.match(problem, { code: 'TB_UNAVAILABLE', status: 503, headers: { 'retry-after': '2' } }, error.message);
    t.equal(isOutcomeUnknown(error), expected, error.message);
  }
  const details = ['25006', '40P01', '40001', '53100', '55P03', '57014'].map(
    (code) => asDatabaseProblem(errorOf('', { code }))?.message,
  );
  for (const detail of details) t.notMatch(detail, /does not answer/, 'it did answer');
  const fault = errorOf('syntax error', { code: '42601' });
  t.equal(asDatabaseProblem(fault), undefined, 'a fault of ours is none of these');
  t.equal(isOutcomeUnknown(fault), false);
});
