// A typing race. Who is calling says a JWT in a cookie, which Teamboard reads too; it works without Teamboard as well.
import { randomUUID } from 'node:crypto';
import express from 'express';
import { jwtVerify, SignJWT } from 'jose';
import pg from 'pg';

const { DATABASE_URL, PORT = 5000, RACE_SECRET, TEAMBOARD_URL = 'http://127.0.0.1:3000' } = process.env;
const secret = new TextEncoder().encode(RACE_SECRET);
const [issuer, audience, HOURS] = ['race', 'teamboard', 12];
const database = new pg.Pool({ connectionString: DATABASE_URL });
await database.query(`create table if not exists results (
  id serial primary key, race text not null default 'race:1', racer text not null, seconds numeric(5, 1) not null)`);

const app = express();
app.use(express.static(new URL('public', import.meta.url).pathname), express.urlencoded());

app.use(async (request, _response, next) => {
  const [, token = ''] = /(?:^|; )race=([^;]+)/.exec(request.headers.cookie ?? '') ?? [];
  request.racer = await jwtVerify(token, secret, { issuer, audience }).then(
    ({ payload }) => payload,
    () => undefined,
  );
  next();
});

app.get('/', async (request, response) => {
  const { rows } = await database.query('select * from results order by seconds, id');
  response.send(page(request.racer, rows));
});

/** Without a password, so that two windows are soon two people. */
app.post('/sign-in', async (request, response) => {
  const racer = new SignJWT({ name: request.body.name.slice(0, 60), boards: { '~race:1': 'viewer' } });
  racer.setSubject(randomUUID()).setIssuer(issuer).setAudience(audience).setIssuedAt().setExpirationTime(`${HOURS}h`);
  const token = await racer.setProtectedHeader({ alg: 'HS256' }).sign(secret);
  response.cookie('race', token, { httpOnly: true, sameSite: 'lax', maxAge: HOURS * 3_600_000 }).redirect('/');
});

/** One statement, which tells Teamboard whose it is, and which page knows of it already. */
app.post('/results', async ({ racer, body, headers }, response) => {
  const seconds = Number(body.seconds);
  if (!racer) return response.sendStatus(401);
  if (!(seconds > 0 && seconds < 1000)) return response.sendStatus(400);
  const { rows } = await database.query(
    `insert into results (racer, seconds) select $1, $2 from (
       select set_config('teamboard.actor', $3, true), set_config('teamboard.stream_id', $4, true)) told returning *`,
    [racer.name, seconds, `${issuer} ${racer.sub}`, (headers['stream-id'] ?? '').slice(0, 36)],
  );
  response.send(rows[0]);
});

const inHtml = (text) => text.replace(/[&<>"]/g, (found) => `&#${found.charCodeAt(0)};`);
const row = ({ id, racer, seconds }) =>
  `<li id="result-${id}" data-seconds="${seconds}">${inHtml(racer)}: ${Number(seconds)} s</li>`;

const page = (racer, results) => `<!doctype html><html lang="en">
<meta name="viewport" content="width=device-width">
<title>Typing race</title>
<link rel="stylesheet" href="/style.css">
<header><h1>Typing race</h1><p id="here"></p></header>
${
  racer
    ? `<p id="text">The quick brown fox jumps over the lazy dog.</p>
  <label>Type it, ${inHtml(racer.name)}: <textarea id="typed" rows="2" autocomplete="off" autofocus></textarea></label>
  <progress id="mine" value="0"></progress>
  <ul id="others"></ul>
  <h2>Results</h2><ol id="results" data-teamboard="${TEAMBOARD_URL}">${results.map(row).join('')}</ol>
  <script type="module" src="/race.js"></script>`
    : `<form action="/sign-in" method="post">
  <input name="name" placeholder="Your name" required maxlength="60" autofocus> <button>Come in</button></form>`
}`;

app.listen(PORT, '127.0.0.1');
