// All checks of an installation, one after the other.

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import type { Database } from '../postgres/database.ts';
import { targetsOf } from '../postgres/start/check-addresses.ts';
import { databaseChecks, examineDatabase } from './examine-database.ts';
import { examineMachine, examineNode } from './examine-machine.ts';
import { examineRedis, redisChecks } from './examine-redis.ts';
import { examineSettings, type ReadSettings } from './examine-settings.ts';
import { examineWay, type WayOptions } from './examine-way.ts';
import type { Report } from './report.ts';

/** An embedded server may have to recover first. */
const EMBEDDED_MS = 300_000;

export interface ExamineOptions {
  /** As in `process.env`. */
  environment: Record<string, string | undefined>;
  /** @returns the database of the settings; an embedded one that nobody serves is started */
  findDatabase: (config: Readonly<Config>) => Promise<Database>;
  /** Undefined: there is no address to look from. */
  way: WayOptions | undefined;
}

/** @throws the reason of the signal that ends the report; what is wrong is told to the report */
export async function examine(report: Report, { environment, findDatabase, way }: ExamineOptions): Promise<void> {
  await examineNode(report);
  const settings = await examineSettings(report, environment);
  await examineItsDatabase(report, settings, findDatabase);
  await examineItsRedis(report, settings);
  await examineMachine(report, settings?.config.streamsPerNode);
  if (way) await examineWay(report, way);
}

const UNREAD = 'the settings of it cannot be read';

async function examineItsDatabase(
  report: Report,
  settings: ReadSettings | undefined,
  findDatabase: ExamineOptions['findDatabase'],
): Promise<void> {
  if (!settings?.isDatabaseKnown) return report.skip(databaseChecks, UNREAD);
  const { databaseUrl, dataDir, databaseSchema } = settings.config;
  if (databaseUrl === undefined && !existsSync(resolve(join(dataDir, 'postgres')))) {
    const why = 'no DATABASE_URL, and no embedded database in DATA_DIR: the first start makes it';
    return report.skip(databaseChecks, why);
  }
  let opening: Promise<Database> | undefined;
  try {
    let database: Database | undefined;
    const open = async () => {
      opening = findDatabase(settings.config);
      database = await opening;
      return `a PostgreSQL runs for the folder ${dataDir} (DATA_DIR)`;
    };
    if (databaseUrl === undefined) await report.run('embedded server', open, EMBEDDED_MS);
    else await open();
    if (!database) return await report.skip(databaseChecks, 'it does not start');
    await examineDatabase(report, targetsOf(database), databaseSchema);
  } finally {
    // Also one that is still starting: it would outlive this process.
    await (await opening?.catch(() => undefined))?.stop();
  }
}

async function examineItsRedis(report: Report, settings: ReadSettings | undefined): Promise<void> {
  if (!settings?.isRedisKnown) return report.skip(redisChecks, UNREAD);
  const { redisUrl: url, redisPrefix: prefix } = settings.config;
  if (url === undefined) return report.skip(redisChecks, 'REDIS_URL is not set: a node alone needs none');
  await examineRedis(report, { url, prefix });
}
