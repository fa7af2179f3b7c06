// The race, and what keeps the page alive. While Teamboard is away one races alone, and results are saved as before.
const [text, typed, mine, others, here, results] = ['text', 'typed', 'mine', 'others', 'here', 'results'].map((id) =>
  document.querySelector(`#${id}`),
);
const board = `${results.dataset.teamboard}/boards/~race:1`;
const people = new Map();
let stream, streamId, cursor, heardAt, startedAt, telling;

function show({ id, object: { racer, seconds } }) {
  const row = document.querySelector(`#result-${id}`) ?? document.createElement('li');
  Object.assign(row, { id: `result-${id}`, textContent: `${racer}: ${Number(seconds)} s` });
  row.dataset.seconds = seconds;
  results.append(row);
  results.append(...[...results.children].sort((one, other) => one.dataset.seconds - other.dataset.seconds));
}

/** Somebody else's place in the race. */
function move({ id, name }, done) {
  const lane = document.querySelector(`#lane-${id}`) ?? document.createElement('li');
  Object.assign(lane, { id: `lane-${id}`, textContent: name });
  lane.append(Object.assign(document.createElement('progress'), { value: done }));
  others.append(lane);
}

function follow() {
  stream?.close();
  heardAt = Date.now();
  const from = cursor ? `&lastEventId=${cursor}` : '';
  stream = new EventSource(`${board}/events?snapshot=true${from}`, { withCredentials: true });
  const on = (name, listen) =>
    stream.addEventListener(name, ({ data, lastEventId }) => {
      heardAt = Date.now();
      listen(JSON.parse(data));
      cursor = lastEventId;
    });
  on('ready', (ready) => (streamId = ready.streamId));
  on('snapshot', ({ tables = {} }) => {
    results.replaceChildren();
    tables.results?.forEach(show);
  });
  on('changed', (change) => {
    if (change.resource !== 'results') return;
    change.action === 'deleted' ? document.querySelector(`#result-${change.id}`)?.remove() : show(change);
  });
  // Also of somebody whose telephone has died: no page has to say goodbye.
  on('presence', ({ action, users, user }) => {
    if (action === 'sync') people.clear();
    for (const { id, name } of users ?? [user]) action === 'leave' ? people.delete(id) : people.set(id, name);
    here.textContent = `Here: ${[...people.values()].join(', ')}`;
    for (const lane of [...others.children]) if (!people.has(lane.id.slice('lane-'.length))) lane.remove();
  });
  on('broadcast', ({ data, from }) => move(from.user, data.done));
  // What this page has written itself; and that the stream is there, when nothing happens.
  for (const name of ['own', 'heartbeat']) on(name, () => {});
  stream.onerror = () => (here.textContent = 'Not live at the moment');
}

/** What nobody needs tomorrow is broadcast, and stored nowhere. */
async function tell() {
  telling = undefined;
  const headers = { 'Content-Type': 'application/json', ...(streamId && { 'Stream-Id': streamId }) };
  const body = JSON.stringify({ name: 'typed', data: { done: mine.value } });
  await fetch(`${board}/broadcasts`, { method: 'POST', credentials: 'include', headers, body }).catch(() => {});
}

typed.addEventListener('input', async () => {
  startedAt ??= Date.now();
  const right = [...typed.value].findIndex((letter, place) => letter !== text.textContent[place]);
  mine.value = (right < 0 ? typed.value.length : right) / text.textContent.length;
  if (!telling) telling = setTimeout(tell, 100);
  if (mine.value < 1) return;
  const seconds = Math.max(0.1, (Date.now() - startedAt) / 1000).toFixed(1);
  typed.value = '';
  startedAt = undefined;
  const headers = streamId ? { 'Stream-Id': streamId } : {};
  const answer = await fetch('/results', { method: 'POST', headers, body: new URLSearchParams({ seconds }) });
  if (!answer.ok) return alert('This was not saved.');
  const result = await answer.json();
  show({ id: result.id, object: result });
});

follow();
// An EventSource never times out, and gives up after an answer that is no stream. Teamboard says something every 15 s.
setInterval(() => Date.now() - heardAt > 45_000 && follow(), 5000);
