// Keeps the page alive. It works without this file as well, and while Teamboard is away.
const [list, template, here] = ['#books', 'template', '#here'].map((name) => document.querySelector(name));
const find = (id) => document.querySelector(`#book-${id}`);
const people = new Map();
let stream, streamId, cursor, heardAt;

function show(id, book) {
  if (!find(id)) list.insertAdjacentHTML('beforeend', template.innerHTML.replaceAll('__id__', id));
  const row = find(id);
  // The answer to a write of this page may come later than the event of the next one.
  if (book.lock_version < row.dataset.version) return;
  row.dataset.version = book.lock_version;
  row.querySelector('.title').textContent = book.title;
  row.querySelector('[name="book[read]"]').value = !book.read;
  row.classList.toggle('read', book.read);
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
    for (const { id, object } of (tables.books ?? []).sort((a, b) => a.id - b.id)) show(id, object);
  });
  on('changed', ({ resource, action, id, object }) => {
    if (resource === 'books') action === 'deleted' ? find(id)?.remove() : show(id, object);
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

document.addEventListener('submit', async (event) => {
  const form = event.target;
  if (!form.matches('[action^="/books"]')) return;
  event.preventDefault();
  const body = new FormData(form);
  const headers = { 'X-Requested-With': 'XMLHttpRequest', ...(streamId && { 'Stream-Id': streamId }) };
  headers['X-CSRF-Token'] = document.querySelector('[name=csrf-token]').content;
  const answer = await fetch(form.getAttribute('action'), { method: 'POST', headers, body });
  if (!answer.ok) return alert('This was not saved.');
  const book = await answer.json();
  if (body.get('_method') === 'delete') find(book.id)?.remove();
  // Else somebody has removed its row meanwhile.
  else if (form.isConnected) show(book.id, book);
  form.reset();
});

follow();
// An EventSource never times out, and gives up after an answer that is no stream. Teamboard says something every 15 s.
setInterval(() => Date.now() - heardAt > 45_000 && follow(), 5000);
