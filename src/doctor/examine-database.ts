// PostgreSQL: by the checks of a start, one by one, and by what only shows while nodes run.

import { queueAdvice, WARN_AT } from '../events/queue-watch.ts';
import { describeAddress } from '../postgres/address.ts';
import { findMissing } from '../postgres/migrate.ts';
import { connectionsOfNode } from '../postgres/pool-sizes.ts';
import {
  checkListening,
  checkStatements,
  type DatabaseFacts,
  readFacts,
  refuseEncoding,
  refuseStandby,
  type Targets,
} from '../postgres/start/check-addresses.ts';
import { asStartError, type Target } from '../postgres/start/connect.ts';
import { checkRights } from '../postgres/start/rights.ts';
import { checkSameDatabase } from '../postgres/start/same-database.ts';
import { checkSettings } from '../postgres/start/settings-in-force.ts';
import { refuseOldServer } from '../postgres/supported.ts';
import { compareClock } from './clock.ts';
import { countConnections, hears, usageOfQueue, withClock } from './database-store.ts';
import { Fault, type Report, type Warning } from './report.ts';

/** A notification takes milliseconds. */
const HEARD_MS = 10_000;

const checksOfTwo = ['one database', 'prepared statements'];
const checksOfOne = ['pooler', 'settings of sessions', 'schema', 'rights', 'connections', 'LISTEN', 'queue', 'clock'];
/** Of each address. */
const facts = ['version', 'encoding', 'writes'];
export const databaseChecks = ['database', ...facts, ...checksOfOne];

/** @param schema DATABASE_SCHEMA */
export async function examineDatabase(report: Report, targets: Targets, schema: string): Promise<void> {
  const { pooled, direct } = targets;
  const hasTwo = direct !== pooled;
  let isReached = await examineAddress(report, pooled, '');
  if (hasTwo) isReached = (await examineAddress(report, direct, 'direct ')) && isReached;
  if (!isReached) {
    return report.skip([...(hasTwo ? checksOfTwo : []), ...checksOfOne], 'the database cannot be asked');
  }
  if (hasTwo) {
    await report.run('one database', async () => {
      await checkSameDatabase(direct, pooled);
      return `${direct.setting} and ${pooled.setting} lead to one`;
    });
    await report.run('prepared statements', async () => {
      await checkStatements(pooled);
      return 'kept from one transaction to the next';
    });
  }
  await report.run('pooler', async () => {
    await checkListening(targets);
    return `${direct.setting} leads to sessions of PostgreSQL, which keep LISTEN`;
  });
  await report.run('settings of sessions', () => compareSettings(pooled));
  await examineSchema(report, targets, schema);
  await report.run('connections', () => judgeConnections(pooled));
  await report.run('LISTEN', () => hear(targets));
  await report.run('queue', () => judgeQueue(direct));
  await report.run('clock', () => withClock(direct, (ask) => compareClock(ask, 'the database')));
}

/** @returns whether it answers */
async function examineAddress(report: Report, target: Target, prefix: string): Promise<boolean> {
  let found: DatabaseFacts | undefined;
  await report.run(`${prefix}database`, async () => {
    found = await readFacts(target);
    return `PostgreSQL answers at ${describeAddress(target.url)} (${target.setting})`;
  });
  const names = facts.map((name) => `${prefix}${name}`);
  if (!found) {
    await report.skip(names, `${target.setting} leads to nobody who answers`);
    return false;
  }
  const [version = '', encoding = '', writes = ''] = names;
  const known = found;
  await report.run(version, async () => {
    refuseOldServer(known);
    return known.version;
  });
  await report.run(encoding, async () => {
    refuseEncoding(target, known);
    return known.encoding;
  });
  await report.run(writes, async () => {
    refuseStandby(target, known);
    return 'taken: it is no standby';
  });
  return true;
}

async function compareSettings(pooled: Target): Promise<string | Warning> {
  const warnings: string[] = [];
  const warn = (details: { setting?: string; cure?: string }, message: string) =>
    void warnings.push(`${details.setting}: ${message}: ${details.cure}`);
  const takesSettings = await checkSettings(pooled, { info: () => {}, warn });
  const [warning] = warnings;
  if (warning !== undefined) return { warning };
  return takesSettings
    ? 'as our statements need them'
    : 'as our statements need them, by the role: a pooler takes none';
}

async function examineSchema(report: Report, { pooled, direct }: Targets, schema: string): Promise<void> {
  let missing: string[] | undefined;
  await report.run('schema', async () => {
    missing = await findMissing(direct.url, schema).catch((error) => {
      throw asStartError(error, direct);
    });
    if (missing.length === 0) return `${schema} (DATABASE_SCHEMA) has all migrations of this version`;
    const warning = `${schema} (DATABASE_SCHEMA) lacks ${missing.join(', ')}: run 'teamboard migrate', or start a node, which does that.`;
    return { warning };
  });
  if (missing?.length !== 0) return report.skip(['rights'], 'the schema is not that of this version');
  await report.run('rights', async () => {
    await checkRights(pooled, schema);
    return `the role of ${pooled.setting} may do all that requests need`;
  });
}

async function judgeConnections(pooled: Target): Promise<string | Warning> {
  const { most, used } = await countConnections(pooled);
  const found = `${most} may be used, ${used} are, and a node takes ${connectionsOfNode} at most`;
  if (most < connectionsOfNode) {
    throw new Fault(`${found}: raise max_connections of PostgreSQL (or the limit of the role or database).`);
  }
  if (used + connectionsOfNode <= most) return found;
  return {
    warning: `${found}: there is no room for one more. Raise max_connections, or put a pooler in front (docs/pgbouncer.md).`,
  };
}

async function hear({ pooled, direct }: Targets): Promise<string> {
  const beganAt = performance.now();
  if (await hears(direct, pooled, HEARD_MS)) {
    return `a notification came through ${direct.setting} after ${Math.round(performance.now() - beganAt)} ms`;
  }
  throw new Fault(
    `a notification did not come through ${direct.setting} within ${HEARD_MS / 1000} s, and so no event at once: ` +
      'let DATABASE_DIRECT_URL lead past each pooler (docs/pgbouncer.md).',
  );
}

async function judgeQueue(direct: Target): Promise<string | Warning> {
  const usage = await usageOfQueue(direct);
  const found = `${(usage * 100).toFixed(1)} % of the queue of notifications is used`;
  if (usage < WARN_AT) return found;
  return { warning: `${found}, and when it is full nothing can be written: ${queueAdvice}.` };
}
