// Redis: by the checks of a start, one by one.

import { RedisVisit, type RedisVisitOptions } from '../liveness/redis-visit.ts';
import { checkRights, checkWrite, type Facts, findRisk, readFacts, refuseUnfit } from '../redis/redis-inspection.ts';
import { compareClock } from './clock.ts';
import type { Report } from './report.ts';

const later = ['redis kind', 'redis rights', 'redis writes', 'redis eviction', 'redis clock'];
export const redisChecks = ['redis', ...later];

export async function examineRedis(report: Report, options: RedisVisitOptions): Promise<void> {
  const visit = new RedisVisit(options);
  const { redis, needs } = visit;
  try {
    let facts: Facts = {};
    const isReached = await report.run('redis', async () => {
      await visit.open();
      facts = await visit.ask(() => readFacts(redis));
      return 'Redis answers (REDIS_URL)';
    });
    if (!isReached) return await report.skip(later, 'Redis cannot be asked');
    await report.run('redis kind', async () => {
      refuseUnfit(facts, needs);
      const { redis_version: version, redis_mode: mode, role } = facts;
      return `${version}, ${mode}, ${role}`;
    });
    await report.run('redis rights', async () => {
      await visit.ask(() => checkRights(redis, needs));
      return `its user may do all that nodes do, with keys that begin with ${options.prefix} (REDIS_PREFIX)`;
    });
    await report.run('redis writes', async () => {
      await visit.ask(() => checkWrite(redis, needs));
      return 'taken';
    });
    await report.run('redis eviction', async () => {
      const warning = findRisk(facts);
      return warning === undefined ? `no key of ours goes (${facts.maxmemory_policy})` : { warning };
    });
    await report.run('redis clock', () =>
      compareClock(async () => {
        const [seconds, microseconds] = await visit.ask(() => redis.time());
        return Number(seconds) * 1000 + Number(microseconds) / 1000;
      }, 'Redis'),
    );
  } finally {
    visit.close();
  }
}
