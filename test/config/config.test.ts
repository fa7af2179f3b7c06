// What the process may be told from outside: defaults, coercion, and one line for each setting that is wrong.

import { createSecretKey, generateKeyPairSync, pbkdf2Sync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { loadConfig } from '../../src/config/config.ts';
import { ConfigError } from '../../src/config/config-error.ts';
import { refuseMissingDatabase } from '../../src/config/database-choice.ts';
import { findMisspelt } from '../../src/config/misspelt-settings.ts';
import { settingNames } from '../../src/config/settings.ts';
import { describeAddress, readAddress } from '../../src/postgres/address.ts';
import { timings } from '../../src/timings.ts';
import { projectPath } from '../helpers/project.ts';

const issuer = { issuer: 'https://app.example', audience: 'teamboard', secret: 'x'.repeat(32) };
const database = 'postgres://me:hunter2@db.example:5432/teamboard';

/** @returns the message, in one line that names the setting */
function refusal(environment: Record<string, string>): string {
  try {
    loadConfig(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error(`accepted: ${JSON.stringify(environment)}`);
}

t.test('without any setting there is a node for one machine, with the stated defaults', async (t) => {
  const defaults = {
    port: 3000,
    host: '127.0.0.1',
    databaseUrl: undefined,
    databaseDirectUrl: undefined,
    databaseSchema: 'teamboard',
    redisUrl: undefined,
    redisPrefix: 'teamboard',
    dataDir: '.data',
    publicUrl: undefined,
    corsOrigins: [],
    jwtIssuers: [],
    jwtCookie: undefined,
    rails: undefined,
    auth: undefined,
    trustProxy: [],
    logLevel: 'info',
    logRequestsPerSecond: 50,
    metricsPort: undefined,
    metricsToken: undefined,
    heartbeatSeconds: 15,
    streamMaxAgeMinutes: 30,
    drainSeconds: 10,
    presenceHandoverSeconds: 3,
    streamsPerUser: 50,
    streamsPerBoard: 10_000,
    streamsPerNode: 15_000,
    accountsPerMinute: 60,
    signInsPerMinute: 300,
    openingsPerMinute: 3000,
    lookupsPerMinute: 300,
    writesPerSecond: 50,
    broadcastsPerSecond: 30,
    broadcastsFrom: 'viewer',
    ringBytesPerBoard: 256 * 1024,
    ringBytesPerNode: 64 * 1024 * 1024,
    waitingBytesPerNode: 64 * 1024 * 1024,
    boardsPerUser: 1000,
    tokensPerUser: 50,
    membersPerBoard: 1000,
    invitesPerBoard: 100,
    webhooksPerBoard: 10,
    webhookAllowPrivate: false,
    guestDays: 30,
    itemsPerBoard: 20_000,
    bytesPerBoard: 64 * 1024 * 1024,
    retentionEvents: 10_000,
    retentionDays: 30,
    retentionBytes: 256 * 1024 * 1024,
  };
  t.strictSame({ ...loadConfig({}) }, defaults);
  const blank = Object.fromEntries(settingNames.flatMap((name, index) => [[name, index % 2 ? '' : ' \n']]));
  t.strictSame({ ...loadConfig(blank) }, defaults, 'a blank variable counts as none');
  t.strictSame({ ...loadConfig({ PATH: '/bin', port: '1', TEAMBOARD: 'x' }) }, defaults, 'others are not ours');
  t.ok(Object.isFrozen(loadConfig({})));
});

t.test('each setting is read', async (t) => {
  const config = loadConfig({
    PORT: '8080',
    HOST: '::',
    DATABASE_URL: ` ${database} `,
    DATABASE_DIRECT_URL: 'postgresql:///teamboard?host=/run/postgresql',
    DATABASE_SCHEMA: 'boards_2',
    REDIS_URL: 'rediss://:hunter2@redis.example:6380/1',
    REDIS_PREFIX: 'tb_2.staging:a-b',
    DATA_DIR: '/var/lib/teamboard',
    PUBLIC_URL: 'https://boards.example/here//',
    CORS_ORIGINS: 'https://app.example, http://localhost:5173,',
    JWT_ISSUERS: JSON.stringify([
      { issuer: 'https://app.example', audience: 'teamboard', secret: 'x'.repeat(32) },
      { issuer: 'https://idp.example/', audience: 'a', jwks: 'https://idp.example/keys?v=1' },
    ]),
    JWT_COOKIE: '__Host-app_jwt',
    RAILS_SECRET_KEY_BASE: 'x'.repeat(128),
    RAILS_COOKIE: '_app_session',
    AUTH_URL: 'http://web:8000/whoami',
    AUTH_RECHECK_SECONDS: '10',
    AUTH_GRACE_SECONDS: '0',
    TRUST_PROXY: 'loopback, 192.0.2.7,10.0.0.0/8 , 2001:db8::/32',
    LOG_LEVEL: 'debug',
    LOG_REQUESTS_PER_SECOND: '0',
    METRICS_PORT: '9100',
    METRICS_TOKEN: 'hunter2-hunter2-',
    HEARTBEAT_SECONDS: '1',
    STREAM_MAX_AGE_MINUTES: '1440',
    DRAIN_SECONDS: '0',
    PRESENCE_HANDOVER_SECONDS: '0',
    STREAMS_PER_USER: '5',
    STREAMS_PER_BOARD: '6',
    STREAMS_PER_NODE: '7',
    ACCOUNTS_PER_MINUTE: '11',
    SIGN_INS_PER_MINUTE: '17',
    OPENINGS_PER_MINUTE: '18',
    LOOKUPS_PER_MINUTE: '19',
    WRITES_PER_SECOND: '8',
    BROADCASTS_PER_SECOND: '9',
    BROADCASTS_FROM: 'editor',
    RING_BYTES_PER_BOARD: '0',
    RING_BYTES_PER_NODE: '1',
    WAITING_BYTES_PER_NODE: '1048576',
    BOARDS_PER_USER: '12',
    TOKENS_PER_USER: '13',
    MEMBERS_PER_BOARD: '14',
    INVITES_PER_BOARD: '15',
    WEBHOOKS_PER_BOARD: '17',
    WEBHOOK_ALLOW_PRIVATE: 'true',
    GUEST_DAYS: '16',
    ITEMS_PER_BOARD: '10',
    BYTES_PER_BOARD: '11',
    RETENTION_EVENTS: '100',
    RETENTION_DAYS: '0',
    RETENTION_BYTES: '1048576',
  });
  t.strictSame(
    { ...config },
    {
      port: 8080,
      host: '::',
      databaseUrl: database,
      databaseDirectUrl: 'postgresql:///teamboard?host=/run/postgresql',
      databaseSchema: 'boards_2',
      redisUrl: 'rediss://:hunter2@redis.example:6380/1',
      redisPrefix: 'tb_2.staging:a-b',
      dataDir: '/var/lib/teamboard',
      publicUrl: 'https://boards.example/here',
      corsOrigins: ['https://app.example', 'http://localhost:5173'],
      jwtIssuers: [
        { issuer: 'https://app.example', audience: 'teamboard', keys: createSecretKey(Buffer.from('x'.repeat(32))) },
        { issuer: 'https://idp.example/', audience: 'a', keys: new URL('https://idp.example/keys?v=1') },
      ],
      jwtCookie: '__Host-app_jwt',
      rails: {
        cookie: '_app_session',
        keys: ['sha256', 'sha1'].map((digest) =>
          createSecretKey(pbkdf2Sync('x'.repeat(128), 'authenticated encrypted cookie', 1000, 32, digest)),
        ),
      },
      auth: { url: new URL('http://web:8000/whoami'), recheckMs: 10_000, graceMs: 0 },
      trustProxy: ['loopback', '192.0.2.7', '10.0.0.0/8', '2001:db8::/32'],
      logLevel: 'debug',
      logRequestsPerSecond: 0,
      metricsPort: 9100,
      metricsToken: 'hunter2-hunter2-',
      heartbeatSeconds: 1,
      streamMaxAgeMinutes: 1440,
      drainSeconds: 0,
      presenceHandoverSeconds: 0,
      streamsPerUser: 5,
      streamsPerBoard: 6,
      streamsPerNode: 7,
      accountsPerMinute: 11,
      signInsPerMinute: 17,
      openingsPerMinute: 18,
      lookupsPerMinute: 19,
      writesPerSecond: 8,
      broadcastsPerSecond: 9,
      broadcastsFrom: 'editor',
      ringBytesPerBoard: 0,
      ringBytesPerNode: 1,
      waitingBytesPerNode: 1_048_576,
      boardsPerUser: 12,
      tokensPerUser: 13,
      membersPerBoard: 14,
      invitesPerBoard: 15,
      webhooksPerBoard: 17,
      webhookAllowPrivate: true,
      guestDays: 16,
      itemsPerBoard: 10,
      bytesPerBoard: 11,
      retentionEvents: 100,
      retentionDays: 0,
      retentionBytes: 1_048_576,
    },
  );
  t.equal(
    Object.keys(config).length,
    settingNames.length - 3,
    'none is forgotten here; those of Rails are one, and so are those of AUTH_URL',
  );
  t.equal(loadConfig({ DATABASE_URL: database }).databaseDirectUrl, database, 'without a pooler both are one');
  t.equal(loadConfig({ PORT: '0' }).port, 0);
  const socket = 'postgres://me@/teamboard?host=/run/postgresql';
  t.equal(loadConfig({ DATABASE_URL: socket }).databaseUrl, socket, 'an address that has no host');
  for (const level of ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']) {
    t.equal(loadConfig({ LOG_LEVEL: level }).logLevel, level);
  }
});

t.test('an address of a database is read as its writer meant it', async (t) => {
  const read = (address: string) => readAddress(loadConfig({ DATABASE_URL: address }).databaseUrl ?? '');
  const warnings: unknown[] = [];
  const warn = (warning: unknown) => void warnings.push(warning);
  process.on('warning', warn);
  t.teardown(() => process.off('warning', warn));
  for (const password of ['p@ss', 'p:w', 'a%b', 'p%40s%2Fs', 'a b']) {
    const { host, user, password: found } = read(`postgres://me:${password}@db.example:1/name`);
    t.strictSame([host, user, found], ['db.example', 'me', password.replace('%40', '@').replace('%2F', '/')]);
  }
  t.match(read('postgres://db/name?user=me@server'), { host: 'db', user: 'me@server' });
  t.match(read('postgres:///name?host=/run/postgresql'), { host: '/run/postgresql', database: 'name' });
  // What psql takes for encrypted and not checked is checked here, as pg does it.
  for (const mode of ['allow', 'prefer', 'require', 'verify-ca', 'verify-full']) {
    t.same(read(`postgres://db/name?sslmode=${mode}`).ssl, {}, mode);
  }
  t.same(read('postgres://db/name?sslmode=no-verify').ssl, { rejectUnauthorized: false });
  t.equal(read('postgres://db/name?sslmode=disable').ssl, false);
  await new Promise(setImmediate);
  t.strictSame(warnings, [], 'the driver has nothing to say on standard error');
  const described = {
    'postgres://me:hunter2@db:1/name?sslmode=disable': 'db:1/name',
    'postgres://[::1]/name': '[::1]:5432/name',
    'postgres://me@/name?host=/run/postgresql': '/run/postgresql:5432/name',
    'postgres:///name': 'name on this machine',
    'postgres://': 'this machine',
  };
  for (const [address, text] of Object.entries(described)) t.equal(describeAddress(address), text);
});

t.test('a name that is none of ours, and was meant to be', async (t) => {
  for (const name of ['DATABASE_ULR', 'DATABSE_URL', 'DATABASE_URI', 'database_url', 'TEAMBOARD_DATABASE_URL']) {
    t.match(refusal({ [name]: database }), new RegExp(`^${name} is no setting: is DATABASE_URL meant\\? `));
    t.ok(loadConfig({ [name]: database, DATABASE_URL: database }), 'what is meant is there as well');
  }
  const meant = (environment: Record<string, string>) =>
    findMisspelt(environment, settingNames).map(({ name, setting }) => `${name}: ${setting}`);
  t.strictSame(meant({ POSTGRES_URL: database }), ['POSTGRES_URL: DATABASE_URL']);
  t.strictSame(meant({ POSTGRES_URL: database, DATABASE_URL: database }), []);
  t.strictSame(meant({ CORS_ORIGIN: 'x', REDIS_ULR: 'x', STREAM_PER_USER: '1', TEAMBOARD_LOG_LEVEL: 'debug' }), [
    'CORS_ORIGIN: CORS_ORIGINS',
    'REDIS_ULR: REDIS_URL',
    'STREAM_PER_USER: STREAMS_PER_USER',
    'TEAMBOARD_LOG_LEVEL: LOG_LEVEL',
  ]);
  const others = { HOME: '/', HOSTS: 'x', PATH: '/bin', PWD: '/', PORTS: '1', TEAMBOARD_PORT: 'tcp://10.0.0.1:3000' };
  t.strictSame(meant({ ...others, DATABASE_ULR: ' ' }), []);
});

t.test('an embedded database is used where it is meant', async (t) => {
  const missing = /^DATABASE_URL is not set.*: name the database, or set DATA_DIR if an embedded one .* is meant\.$/;
  t.throws(() => refuseMissingDatabase({ NODE_ENV: 'production' }, false), { name: 'ConfigError', message: missing });
  t.throws(() => refuseMissingDatabase({ DATA_DIR: ' ' }, true), { name: 'ConfigError', message: missing });
  for (const named of [{ DATABASE_URL: database }, { DATA_DIR: '.data' }]) {
    refuseMissingDatabase({ ...named, NODE_ENV: 'production' }, true);
  }
  refuseMissingDatabase({ NODE_ENV: 'development' }, false);
});

t.test('the public address is https however it is written', async (t) => {
  for (const written of ['https://boards.example', 'HTTPS://Boards.Example/']) {
    t.equal(loadConfig({ PUBLIC_URL: written }).publicUrl, 'https://boards.example');
  }
});

t.test('an origin is the same however it is written', async (t) => {
  const written = {
    'https://app.example': [
      'https://app.example/',
      'HTTPS://App.Example',
      'https://app.example:443',
      'https://app.example.',
    ],
    'http://app.example': ['http://app.example:80', 'http://APP.example.:80/'],
    'https://xn--bcher-kva.example:8443': ['https://bücher.example:8443', 'https://B%C3%9CCHER.example:8443'],
    'http://[::1]:5173': ['http://[::1]:5173', 'http://[0:0:0:0:0:0:0:1]:5173', 'http://[::0001]:05173'],
    'http://127.0.0.1': ['http://127.0.0.1', 'http://127.1'],
  };
  for (const [origin, forms] of Object.entries(written)) {
    t.strictSame(
      loadConfig({ CORS_ORIGINS: forms.join() }).corsOrigins,
      forms.map(() => origin),
    );
  }
});

t.test('a setting that is wrong stops the start with one line that names it', async (t) => {
  const wrong: Record<string, string[]> = {
    PORT: ['-1', '65536', '80.5', 'http', '1e9', 'NaN', 'true', '0x'],
    HEARTBEAT_SECONDS: ['0', '61', '1.5', '15s'],
    STREAM_MAX_AGE_MINUTES: ['0', '1441', '-30', 'half'],
    DRAIN_SECONDS: ['-1', '241', 'x'],
    PRESENCE_HANDOVER_SECONDS: ['-1', '61', '0.5'],
    STREAMS_PER_USER: ['0', 'x'],
    STREAMS_PER_BOARD: ['0', 'x'],
    STREAMS_PER_NODE: ['0', 'x'],
    WRITES_PER_SECOND: ['0', '0.5', 'x'],
    BROADCASTS_PER_SECOND: ['0', 'x'],
    BROADCASTS_FROM: ['nobody', 'Viewer', 'viewer,editor'],
    RING_BYTES_PER_BOARD: ['-1', 'x'],
    RING_BYTES_PER_NODE: ['-1', 'x'],
    WAITING_BYTES_PER_NODE: ['1048575', 'x'],
    ITEMS_PER_BOARD: ['0', 'x'],
    BYTES_PER_BOARD: ['0', 'x'],
    RETENTION_EVENTS: ['0', 'x'],
    RETENTION_DAYS: ['-1', 'x'],
    RETENTION_BYTES: ['1048575', 'x'],
    LOG_LEVEL: ['verbose', 'INFO', '30'],
    CORS_ORIGINS: [
      '*',
      'null',
      'app.example',
      'https://*.example',
      'https://app.example//',
      'https://app.example?',
      'https://app.example,https://app.example/here',
      'https:app.example',
      'https://app.example\\',
      'https://',
      'https://.',
      'https://me:hunter2@app.example',
      'ws://app.example',
      'https://app.example https://b.example',
    ],
    TRUST_PROXY: [
      'true',
      '1',
      '0x7f.1',
      '10.0.0.0/33',
      '10.0.0.0/',
      '10.0.0.0/8/8',
      '::/129',
      'fe80::1%eth0',
      '0.0.0.0/0',
      '::/0',
      'nginx',
    ],
    JWT_COOKIE: ['a b', 'a;b', 'a=b', 'app_jwt', 'ä'],
    RAILS_COOKIE: ['a b', '_app_session'],
    AUTH_URL: [
      'app.example/whoami',
      '/whoami',
      'http://app.example/whoami',
      'http://127.0.0.1.evil.example/',
      'http://10.0.0.1.evil.example/',
      'http://[2001:db8::1]/',
      'https://me:hunter2@app.example/',
      'https://app.example/#here',
      'ftp://app.example/',
    ],
    AUTH_RECHECK_SECONDS: ['0', '3601', '30'],
    AUTH_GRACE_SECONDS: ['-1', '300'],
    RAILS_SECRET_KEY_BASE: ['short', 'x'.repeat(128)],
    JWT_ISSUERS: [
      '{}',
      '[',
      '/no/such/file',
      import.meta.dirname,
      '[1]',
      '[null]',
      '[[]]',
      ...[
        { issuer: undefined },
        { issuer: '' },
        { issuer: 1 },
        { issuer: 'x'.repeat(256) },
        { audience: undefined },
        { audience: ['a'] },
        { secret: undefined },
        { secret: 'x'.repeat(31) },
        { secret: 1 },
        { jwks: 'https://idp.example' },
        { secrets: 'x' },
        { secret: undefined, jwks: 'http://idp.example' },
        { secret: undefined, jwks: 'http://localhost.evil.example/' },
        { secret: undefined, jwks: 'http://127.0.0.1.evil.example/' },
        { secret: undefined, jwks: 'https://me:hunter2@idp.example' },
        { secret: undefined, jwks: 'ftp://idp.example' },
        { secret: undefined, jwks: 'https://' },
        { secret: undefined, jwks: '' },
        { secret: undefined, jwks: 17 },
        { secret: undefined, jwks: '/no/such/file' },
        { secret: undefined, jwks: projectPath('package.json') },
      ].map((entry) => JSON.stringify([issuer, { ...issuer, ...entry }])),
    ],
    DATABASE_URL: [
      'db.example',
      'mysql://db',
      'http://db',
      '/run/postgresql',
      'postgres',
      'postgres://db:port/name',
      'postgres://db:99999/name',
      'postgres://db/name?sslmode=on',
      'postgres://db/name?sslrootcert=/no/such/file',
      'postgres://db/name?sslmode=verify-ca&uselibpqcompat=true',
      ...['a,b', 'a:1,b:2', 'me:x@a,b', 'a%2Cb'].map((hosts) => `postgres://${hosts}/name`),
      'postgres://me@/name?host=a,b',
      // Each of these could be read as another address, or as none.
      ...['p/x', '12/x', 'p#x', '12#x', 'p?x', '12?x', 'p@x/y', 'p@x?y', 'p%E9x', 'ab/d=='].map(
        (password) => `postgres://me:${password}@db.example/name`,
      ),
    ],
    DATABASE_SCHEMA: ['public', 'information_schema', 'pg_boards', 'Boards', '1st', 'a-b', 'a"b', 'x'.repeat(21), 'ä'],
    REDIS_URL: [
      'localhost:6379',
      'http://redis',
      'redis',
      'redis://',
      'redis://host:port',
      'redis://host:65536',
      'redis://:hunter/2@host',
      'redis://:hunter#2@host',
      'redis://:hunter%2@host',
      'redis://host/zero',
      'redis+cluster://',
      'redis+cluster://a,,b',
      'redis+cluster://a,b/1',
      'redis://a,b/1',
      'redis://a,rediss://b',
      'redis://:x@a,redis://:y@b',
      'redis://a,/run/redis.sock',
    ],
    METRICS_PORT: ['0', '65536', '3000', 'x'],
    METRICS_TOKEN: ['hunter2', 'hunter2 hunter2 hunter2', 'hunter2-hunter2-ä', 'hunter2'.repeat(40)],
    REDIS_PREFIX: ['{tb}', 'a b', 'x'.repeat(65), 'ä', 'a*'],
    PUBLIC_URL: [
      'boards.example',
      'ftp://boards.example',
      '/here',
      'https://',
      'https:boards.example',
      'javascript:alert(1)',
      'https://boards.example/?a=b',
      'https://boards.example/#here',
      'https://me:hunter2@boards.example/',
      'https://boards.example/here;v=1',
      'https://boards.example//here',
    ],
  };
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      const message = refusal({ ...(name === 'REDIS_URL' && { DATABASE_URL: database }), [name]: value });
      t.match(message, new RegExp(`^${name}[ ,].*\\.$`), `${name}=${value}: ${message}`);
      t.notMatch(message, '\n');
    }
  }
  t.match(refusal({ DATABASE_URL: database, DATABASE_DIRECT_URL: 'db' }), /^DATABASE_DIRECT_URL must be an address/);
  t.equal(refusal({ PORT: 'http' }), "PORT must be integer, and is 'http'.");
  t.equal(refusal({ WEBHOOK_ALLOW_PRIVATE: 'maybe' }), "WEBHOOK_ALLOW_PRIVATE must be true or false, and is 'maybe'.");
  t.equal(refusal({ PORT: '65536' }), "PORT must be <= 65535, and is '65536'.");
  t.equal(
    refusal({ LOG_LEVEL: 'verbose' }),
    "LOG_LEVEL must be fatal, error, warn, info, debug, trace or silent, and is 'verbose'.",
  );
});

t.test('issuers of JWTs, as text or as a file, with their keys as an address or as a file', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'teamboard-config-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const write = (name: string, value: unknown) => {
    writeFileSync(join(folder, name), JSON.stringify(value));
    return join(folder, name);
  };
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = publicKey.export({ format: 'jwk' });
  const jwks = write('jwks.json', { keys: [{ kty: 'OKP', crv: 'Ed25519' }, jwk] });
  const setting = write('issuers.json', [issuer, { issuer: 'https://idp.example', audience: 'a', jwks }]);
  t.match(loadConfig({ JWT_ISSUERS: setting }).jwtIssuers, [
    { issuer: issuer.issuer },
    { issuer: 'https://idp.example', keys: { href: `file://${jwks}` } },
  ]);
  for (const address of ['http://localhost:8080/jwks', 'http://127.0.0.1/', 'http://[::1]:1/', 'HTTPS://idp.example']) {
    const text = JSON.stringify([{ issuer: 'i', audience: 'a', jwks: address }]);
    t.match(loadConfig({ JWT_ISSUERS: text }).jwtIssuers, [{ keys: { href: new URL(address).href } }]);
  }
  for (const [about, keys] of Object.entries({
    private: [jwk, privateKey.export({ format: 'jwk' })],
    shared: [jwk, { kty: 'oct', k: 'hunter2' }],
    none: [],
    'of another curve': [{ ...jwk, crv: 'P-384' }],
    null: [null],
  })) {
    const text = JSON.stringify([{ issuer: 'i', audience: 'a', jwks: write('wrong.json', { keys }) }]);
    t.match(refusal({ JWT_ISSUERS: text }), /^JWT_ISSUERS, entry 1: jwks .*\.$/, about);
  }
});

t.test('settings that contradict each other stop the start', async (t) => {
  t.match(refusal({ DATABASE_DIRECT_URL: database }), /^DATABASE_DIRECT_URL is set without DATABASE_URL: /);
  t.match(refusal({ REDIS_URL: 'redis://redis' }), /^REDIS_URL is set without DATABASE_URL: /);
  const pairs: Array<[Record<string, string>, RegExp]> = [
    [{ STREAMS_PER_USER: '11', STREAMS_PER_NODE: '10' }, /^STREAMS_PER_USER \(11\) is above STREAMS_PER_NODE \(10\): /],
    [
      { STREAMS_PER_BOARD: '11', STREAMS_PER_NODE: '10' },
      /^STREAMS_PER_BOARD \(11\) is above STREAMS_PER_NODE \(10\): /,
    ],
    [
      { RING_BYTES_PER_BOARD: '2', RING_BYTES_PER_NODE: '1' },
      /^RING_BYTES_PER_BOARD \(2\) is above RING_BYTES_PER_NODE /,
    ],
    [
      { HEARTBEAT_SECONDS: '48', STREAM_MAX_AGE_MINUTES: '1' },
      /^HEARTBEAT_SECONDS \(48\) is more than .*_MINUTES \(1\)/,
    ],
  ];
  for (const [settings, line] of pairs) {
    t.match(refusal(settings), line);
    const [first = '', second = ''] = Object.keys(settings);
    t.ok(loadConfig({ [first]: settings[first] }), 'a default contradicts nothing');
    t.ok(loadConfig({ [second]: settings[second] }), 'nor the other');
  }
  t.match(
    { ...loadConfig({ STREAMS_PER_NODE: '10', RING_BYTES_PER_NODE: '1024' }) },
    { streamsPerUser: 10, streamsPerBoard: 10, ringBytesPerBoard: 1024 },
    'a default gives way to what is set',
  );
});

t.test('no message repeats a secret', async (t) => {
  const environments = [
    { DATABASE_URL: 'mysql://me:hunter2@db' },
    { DATABASE_URL: 'me:hunter2@db' },
    { DATABASE_URL: 'postgres://me:hunter2@db:port' },
    { DATABASE_URL: database, DATABASE_DIRECT_URL: 'me:hunter2@db' },
    { DATABASE_DIRECT_URL: database },
    { DATABASE_URL: database, REDIS_URL: 'tcp://:hunter2@redis' },
    { REDIS_URL: 'redis://:hunter2@redis' },
    { DATABASE_URL: database, PORT: 'x' },
    { JWT_ISSUERS: '[{"issuer":"i","audience":"a","secret":"hunter2"}]' },
    { JWT_ISSUERS: '[{"issuer":"i","audience":"a","secret":"hunter2' },
    { JWT_ISSUERS: '[{"issuer":"i","audience":"a","hunter2":1}]' },
    { JWT_ISSUERS: '{"secret":"hunter2"}' },
    { JWT_ISSUERS: '[{"issuer":"i","audience":"a","jwks":"https://me:hunter2@idp.example"}]' },
    { PUBLIC_URL: 'ftp://me:hunter2@boards.example' },
    { CORS_ORIGINS: 'https://me:hunter2@boards.example' },
  ];
  for (const environment of environments) t.notMatch(refusal(environment), /hunter2/, JSON.stringify(environment));
});

t.test('the timings of a node are what the documents promise', async (t) => {
  // Tests of faults run with others, but for one lane of CI.
  t.strictSame(timings, {
    connections: { probeMs: 5000, answerMs: 2000 },
    streams: { headSweepMs: 5000, boardLingerMs: 10_000 },
    access: { sweepMs: 5000 },
    leases: { leaseMs: 8000, beatMs: 2000, reapMs: 500 },
    vanishedClients: { keepAliveIdleMs: 4000, lookMs: 5000, silenceMs: 15_000 },
    output: { stallMs: 30_000 },
    requests: { headMs: 6000, headLookMs: 1000, bodySilenceMs: 8000, bodyLookMs: 1000, finishMs: 1500 },
    issuerKeys: { cooldownMs: 5000, retryMs: 2000, answerMs: 3000 },
    presence: { retryMs: 500 },
    webhooks: {
      leaseMs: 30_000,
      roundMs: 5000,
      connectMs: 5000,
      answerMs: 15_000,
      retryFirstMs: 2000,
      retryLastMs: 3_600_000,
      giveUpMs: 86_400_000,
    },
  });
});
