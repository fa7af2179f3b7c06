// Keeps the page alive. It works without this file as well, and while Teamboard is away.
const [sprint, here, list, template] = document.querySelectorAll('#sprint, #here, ol, template');
const find = (id) => document.querySelector(`#story-${id}`);
const [people, gone, CAPACITY] = [new Map(), new Set(), 20];
let stream, streamId, cursor, heardAt;

function show({ id, object: story }) {
  if (gone.has(`${id}`)) return;
  if (!find(id)) list.insertAdjacentHTML('beforeend', template.innerHTML.replaceAll('__id__', id));
  const row = find(id);
  // The answer to a write of this page may come later than the event of the next one.
  if (story.version < row.dataset.version) return;
  for (const name of ['version', 'position', 'points']) row.dataset[name] = story[name];
  for (const name of ['points', 'title']) row.querySelector(`.${name}`).textContent = story[name];
}

const hide = ({ id }) => gone.add(`${id}`) && find(id)?.remove();

function plan() {
  list.append(...[...list.children].sort((a, b) => a.dataset.position - b.dataset.position));
  let points = 0;
  for (const row of list.children) {
    points += Number(row.dataset.points);
    row.classList.toggle('later', points > CAPACITY);
  }
  sprint.textContent = `${points} points, of which a sprint takes ${CAPACITY}`;
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
      plan();
      cursor = lastEventId;
    });
  on('ready', (ready) => (streamId = ready.streamId));
  on('snapshot', ({ tables = {} }) => {
    list.replaceChildren();
    tables.story?.forEach(show);
  });
  on('changed', (row) => row.resource === 'story' && (row.action === 'deleted' ? hide(row) : show(row)));
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
  if (!form.matches('[action^="/stories"]')) return;
  event.preventDefault();
  const body = new FormData(form, event.submitter);
  const headers = { 'X-Requested-With': 'XMLHttpRequest', ...(streamId && { 'Stream-Id': streamId }) };
  const answer = await fetch(form.getAttribute('action'), { method: 'POST', headers, body });
  if (!answer.ok) return alert('This was not saved.');
  if (body.get('do') === 'remove') hide({ id: form.closest('li').id.slice('story-'.length) });
  for (const story of (await answer.json()).stories) show({ id: story.id, object: story });
  plan();
  form.reset();
});

plan();
follow();
// An EventSource never times out, and gives up after an answer that is no stream. Teamboard says something every 15 s.
setInterval(() => Date.now() - heardAt > 45_000 && follow(), 5000);
