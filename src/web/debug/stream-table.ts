// One's own open streams, a row each.

import { html, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { OwnStream, OwnStreams, OwnStreamsView } from './own-streams.ts';

/** Of ids that were made in one second the ends differ. */
const short = (id: string) => `…${id.slice(-8)}`;

/** @param names of boards, by their ids */
export function streamTable(view: OwnStreamsView, names: ReadonlyMap<string, string>): TemplateResult {
  const known = view.known.value;
  return html`<section class="card" aria-labelledby="own">
    <h2 id="own">Your open streams</h2>
    ${view.failure.value ? html`<p class="failure" role="alert">${view.failure.value}</p>` : nothing}
    ${known ? table(known, view, names) : html`<p class="quiet">One moment …</p>`}
  </section>`;
}

function table(known: OwnStreams, view: OwnStreamsView, names: ReadonlyMap<string, string>): TemplateResult {
  const { node, streams, elsewhere } = known;
  return html`${streams.length === 0 ? html`<p>None on this node. Open a board in another tab, or watch one below.</p>` : rows(known, view, names)}
    <p class="quiet">Node <code>${short(node)}</code> has answered, and knows what it holds itself.
      ${elsewhere === null ? 'What other nodes hold is not known now.' : nothing}
      ${
        elsewhere && elsewhere.length > 0
          ? html`Of the board below, others hold ${elsewhere.map(
              ({ streamId, node: holder }, index) =>
                html`${index > 0 ? ', ' : ''}<code>${short(streamId)}</code> (node <code>${short(holder)}</code>)`,
            )}.`
          : nothing
      }</p>`;
}

/** With the roles of a table, which browsers forget where it is laid out as cards. */
function rows({ node, streams }: OwnStreams, view: OwnStreamsView, names: ReadonlyMap<string, string>): TemplateResult {
  return html`<div class="scroll" tabindex="0" role="group" aria-labelledby="own"><table role="table">
    <thead><tr><th scope="col">Stream</th><th scope="col">Boards</th><th scope="col">Cursor</th><th scope="col" class="number">Open for</th>
      <th scope="col" class="number">Behind</th><th scope="col" class="number">Waiting</th><th scope="col">Node</th><td></td></tr></thead>
    <tbody role="rowgroup">${repeat(
      streams,
      ({ streamId }) => streamId,
      (stream) => html`<tr role="row" data-stream-id=${stream.streamId}>
        <th scope="row" role="rowheader"><code>${short(stream.streamId)}</code></th>
        <td role="cell" data-label="Boards">${boardsOf(stream, names)}</td>
        <td role="cell" data-label="Cursor"><code>${cursorOf(stream)}</code></td>
        <td role="cell" data-label="Open for" class="number">${age(stream.ageSeconds)}</td>
        <td role="cell" data-label="Behind" class="number">${events(stream.boards.reduce((sum, { behind }) => sum + behind, 0))}</td>
        <td role="cell" data-label="Waiting" class="number">${stream.waitingBytes} bytes</td>
        <td role="cell" data-label="Node"><code>${short(node)}</code></td>
        <td role="cell"><button type="button" aria-label="Cut ${short(stream.streamId)}" @click=${() => view.cut(stream.streamId)}>Cut</button></td>
      </tr>`,
    )}</tbody>
  </table></div>`;
}

function boardsOf({ boards, boardCount }: OwnStream, names: ReadonlyMap<string, string>): string {
  const [first] = boards;
  const name = first ? (names.get(first.boardId) ?? short(first.boardId)) : '';
  return boardCount > 1 ? `${name} and ${boardCount - 1} more` : name;
}

function cursorOf({ boards, boardCount }: OwnStream): string {
  const [first] = boards;
  if (boardCount > 1) return 'of each board';
  return first?.cursor ?? 'a reset is due';
}

const events = (count: number) => (count === 1 ? '1 event' : `${count} events`);

function age(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}
