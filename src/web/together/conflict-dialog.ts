// Two people have changed the same: both versions, to choose from. And what a server did not take, with the reason.

import { html, nothing } from 'lit';
import { ref } from 'lit/directives/ref.js';
import type { Undecided } from '../../client/writes/offered.ts';
import { isHarmless } from '../state/conflicts.ts';
import type { OpenBoard } from '../state/open-board.ts';

/**
 * Opens by itself with the oldest that is to be decided, maybe under the hands of somebody who writes: its heading has the focus, so
 * that no key which was meant for a text chooses one.
 */
export function conflictDialog(board: OpenBoard) {
  const open = board.writes.value.undecided.find((each) => each.boardId === board.id && !isHarmless(each));
  if (!open) return nothing;
  // A little later: only what is on the page can be opened, and now it is only being made.
  const show = ref((element) => {
    queueMicrotask(() => {
      if (element instanceof HTMLDialogElement && element.isConnected && !element.open) element.showModal();
    });
  });
  // Closed without a choice, it would be open again at the next change.
  const stay = (event: Event) => event.preventDefault();
  return html`<dialog aria-labelledby="undecided" @cancel=${stay} ${show}>
    ${open.conflict?.mine ? versions(board, open) : refusal(board, open)}
  </dialog>`;
}

function versions(board: OpenBoard, { key, conflict }: Undecided) {
  const { mine, theirs, conflicts = [] } = conflict ?? {};
  const [who] = conflicts.flatMap(({ actor }) => (actor ? [actor.name] : []));
  const [my = '', their = ''] = [mine?.text, theirs?.text];
  const both = `${their}\n${my}`;
  return html`<h2 id="undecided" tabindex="-1" autofocus>Two versions of one note</h2>
    <p>${who ?? 'Somebody'} has changed this note while you did.</p>
    <div class="versions">
      <figure><figcaption>Yours</figcaption><p>${my}</p></figure>
      <figure><figcaption>${who ?? 'Theirs'}</figcaption><p>${their}</p></figure>
    </div>
    <div class="row end">
      <button type="button" @click=${() => board.decide(key, 'theirs')}>Keep theirs</button>
      <button type="button" @click=${() => board.decide(key, { text: both })}>Keep both</button>
      <button type="button" class="primary" @click=${() => board.decide(key, 'mine')}>Keep mine</button>
    </div>`;
}

function refusal(board: OpenBoard, { key, status, problem, operations }: Undecided) {
  const texts = operations.flatMap(({ item }) => (item?.text ? [item.text] : []));
  const why =
    status === 'unknown'
      ? 'The server does not say any more whether it was done.'
      : (problem.detail ?? 'The server did not take it.');
  return html`<h2 id="undecided" tabindex="-1" autofocus>This was not saved</h2>
    <p>${why}</p>
    ${texts.length > 0 ? html`<div class="versions"><figure><figcaption>Your text</figcaption><p>${texts.join('\n')}</p></figure></div>` : nothing}
    <div class="row end">
      <button type="button" @click=${() => board.decide(key, 'theirs')}>Give it up</button>
      <button type="button" class="primary" @click=${() => board.decide(key, 'mine')}>Try again</button>
    </div>`;
}
