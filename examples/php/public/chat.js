// Keeps the page alive. It works without this file as well, and while Teamboard is away.
const [list, form, here] = ['ul', 'form', '#here'].map((selector) => document.querySelector(selector));
const find = (id) => document.querySelector(`#message-${id}`);
const people = new Map();
let stream, streamId, cursor, heardAt;

function show({ id, object: { name, text } }) {
  if (find(id)) return;
  const row = Object.assign(document.createElement('li'), { id: `message-${id}` });
  row.append(Object.assign(document.createElement('b'), { textContent: name }), ' ');
  row.append(Object.assign(document.createElement('span'), { textContent: text }));
  list.append(row);
}

function follow() {
  stream?.close();
  heardAt = Date.now();
  const from = cursor ? `&lastEventId=${cursor}` : '';
  stream = new EventSource(`${list.dataset.stream}?snapshot=true${from}`, { withCredentials: true });
  const on = (name, listen) =>
    stream.addEventListener(name, ({ data, lastEventId }) => {
      heardAt = Date.now();
      listen(JSON.parse(data));
      cursor = lastEventId;
    });
  on('ready', (ready) => (streamId = ready.streamId));
  on('snapshot', ({ tables = {} }) => {
    list.replaceChildren();
    tables.messages?.sort((one, other) => one.id - other.id).forEach(show);
  });
  on('changed', (change) => {
    if (change.resource === 'messages') change.action === 'deleted' ? find(change.id)?.remove() : show(change);
  });
  on('presence', ({ action, users, user }) => {
    if (action === 'sync') people.clear();
    for (const { id, name } of users ?? [user]) action === 'leave' ? people.delete(id) : people.set(id, name);
    here.textContent = `Here: ${[...people.values()].join(', ')}`;
  });
  // What this page has written itself; and that the stream is there, when nothing happens.
  for (const name of ['own', 'heartbeat']) on(name, () => {});
  stream.onerror = () => (here.textContent = 'Not live at the moment');
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const headers = { 'X-Requested-With': 'XMLHttpRequest', ...(streamId && { 'Stream-Id': streamId }) };
  const answer = await fetch('/', { method: 'POST', headers, body: new FormData(form) });
  if (!answer.ok) return alert('This was not said.');
  const message = await answer.json();
  show({ id: message.id, object: message });
  form.reset();
});

follow();
// An EventSource never times out, and gives up after an answer that is no stream. Teamboard says something every 15 s.
setInterval(() => Date.now() - heardAt > 45_000 && follow(), 5000);
