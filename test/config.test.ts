// What the process may be told from outside: defaults, coercion, and one line for each setting that is wrong.

import { createSecretKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { loadConfig, settingNames } from '../src/config.ts';
import { ConfigError } from '../src/config-error.ts';
import { projectPath, readProjectFile } from './helpers/project.ts';

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
    redisUrl: undefined,
    dataDir: '.data',
    publicUrl: undefined,
    corsOrigins: [],
    jwtIssuers: [],
    clientAddressHeader: undefined,
    logLevel: 'info',
    heartbeatSeconds: 15,
    streamMaxAgeMinutes: 30,
    drainSeconds: 10,
    presenceHandoverSeconds: 3,
    streamsPerUser: 50,
    streamsPerBoard: 10_000,
    streamsPerNode: 15_000,
    accountsPerMinute: 60,
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
    REDIS_URL: 'rediss://:hunter2@redis.example:6380/1',
    DATA_DIR: '/var/lib/teamboard',
    PUBLIC_URL: 'https://boards.example/here//',
    CORS_ORIGINS: 'https://app.example, http://localhost:5173,',
    JWT_ISSUERS: JSON.stringify([
      { issuer: 'https://app.example', audience: 'teamboard', secret: 'x'.repeat(32) },
      { issuer: 'https://idp.example/', audience: 'a', jwks: 'https://idp.example/keys?v=1' },
    ]),
    CLIENT_ADDRESS_HEADER: 'Fly-Client-IP',
    LOG_LEVEL: 'debug',
    HEARTBEAT_SECONDS: '1',
    STREAM_MAX_AGE_MINUTES: '1440',
    DRAIN_SECONDS: '0',
    PRESENCE_HANDOVER_SECONDS: '0',
    STREAMS_PER_USER: '5',
    STREAMS_PER_BOARD: '6',
    STREAMS_PER_NODE: '7',
    ACCOUNTS_PER_MINUTE: '11',
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
      redisUrl: 'rediss://:hunter2@redis.example:6380/1',
      dataDir: '/var/lib/teamboard',
      publicUrl: 'https://boards.example/here',
      corsOrigins: ['https://app.example', 'http://localhost:5173'],
      jwtIssuers: [
        { issuer: 'https://app.example', audience: 'teamboard', keys: createSecretKey(Buffer.from('x'.repeat(32))) },
        { issuer: 'https://idp.example/', audience: 'a', keys: new URL('https://idp.example/keys?v=1') },
      ],
      clientAddressHeader: 'fly-client-ip',
      logLevel: 'debug',
      heartbeatSeconds: 1,
      streamMaxAgeMinutes: 1440,
      drainSeconds: 0,
      presenceHandoverSeconds: 0,
      streamsPerUser: 5,
      streamsPerBoard: 6,
      streamsPerNode: 7,
      accountsPerMinute: 11,
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
      guestDays: 16,
      itemsPerBoard: 10,
      bytesPerBoard: 11,
      retentionEvents: 100,
      retentionDays: 0,
      retentionBytes: 1_048_576,
    },
  );
  t.equal(Object.keys(config).length, settingNames.length, 'none is forgotten here');
  t.equal(loadConfig({ DATABASE_URL: database }).databaseDirectUrl, database, 'without a pooler both are one');
  t.equal(loadConfig({ PORT: '0' }).port, 0);
  const socket = 'postgres://me@/teamboard?host=/run/postgresql';
  t.equal(loadConfig({ DATABASE_URL: socket }).databaseUrl, socket, 'an address that has no host');
  for (const level of ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']) {
    t.equal(loadConfig({ LOG_LEVEL: level }).logLevel, level);
  }
});

t.test('the public address is https however it is written', async (t) => {
  for (const written of ['https://boards.example', 'HTTPS://Boards.Example/']) {
    t.equal(loadConfig({ PUBLIC_URL: written }).publicUrl, 'https://boards.example');
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
      'https://app.example/',
      'https://App.example',
      'https://app.example:443',
      'https://app.example,https://app.example/here',
      'https://me:hunter2@app.example',
      'ws://app.example',
      'https://app.example https://b.example',
    ],
    CLIENT_ADDRESS_HEADER: ['X Forwarded For', 'X-Client:', 'x,y', 'ä'],
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
    DATABASE_URL: ['db.example', 'mysql://db', 'http://db', '/run/postgresql', 'postgres', 'postgres://db:port/name'],
    REDIS_URL: ['localhost:6379', 'http://redis', 'redis'],
    PUBLIC_URL: [
      'boards.example',
      'ftp://boards.example',
      '/here',
      'https://',
      'https:boards.example',
      'javascript:alert(1)',
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

t.test('the README names every setting', async (t) => {
  const text = readProjectFile('README.md');
  t.same(
    settingNames.filter((name) => !text.includes(`\`${name}\``)),
    [],
  );
});
