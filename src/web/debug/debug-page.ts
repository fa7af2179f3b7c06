// `/debug/streams`: one's own open streams, one of them frame by frame, and the way between this page and the node.

import './debug.css';
import { signal } from '@preact/signals-core';
import { html, type TemplateResult } from 'lit';
import type { App } from '../app.ts';
import { top } from '../ui/top.ts';
import { type FollowedStream, followStream } from './followed-stream.ts';
import { frameList } from './frame-list.ts';
import { watchOwnStreams } from './own-streams.ts';
import { streamTable } from './stream-table.ts';
import { WayPart } from './way-part.ts';

export interface DebugPage {
  render(): TemplateResult;
  close(): void;
}

interface Named {
  id: string;
  name: string;
}

export function createDebugPage(app: App): DebugPage {
  const { service } = app;
  const own = watchOwnStreams(service);
  const way = new WayPart(service.url);
  const boards = signal<readonly Named[]>([]);
  const chosen = signal('');
  const followed = signal<FollowedStream | undefined>(undefined);
  void app.load(async () => {
    const answer = await service.call<{ boards: Named[] }>('GET', '/boards?limit=100');
    boards.value = answer.boards;
    choose(answer.boards[0]?.id ?? '');
  });

  function choose(id: string): void {
    chosen.value = id;
    if (id !== '') void own.look(id);
  }

  function toggle(): void {
    const open = followed.peek();
    open?.close();
    followed.value = open ? undefined : followStream(`${service.url}/boards/${chosen.peek()}/events`);
    void own.look(chosen.peek());
  }

  return {
    render: () => html`<div class="page debug">
      ${top(app)}
      <main>
        <h1>Streams</h1>
        <p class="quiet">What of you is connected to this server, what it is told, and what stands in between.</p>
        ${streamTable(own, new Map(boards.value.map(({ id, name }) => [id, name])))}
        ${watchPart()}
        ${way.render()}
      </main>
    </div>`,
    close() {
      own.close();
      way.close();
      followed.peek()?.close();
    },
  };

  function watchPart(): TemplateResult {
    const open = followed.value;
    const streamId = open?.streamId.value;
    if (boards.value.length === 0)
      return html`<section class="card"><h2>Watch one</h2>
        <p>There is no board to watch. <a href=${app.router.href('/')} data-route>Make one</a> first.</p></section>`;
    return html`<section class="card" aria-labelledby="watch">
      <h2 id="watch">Watch one</h2>
      <div class="row">
        <label>Board<select ?disabled=${open !== undefined} @change=${(event: Event) => choose((event.target as HTMLSelectElement).value)}>
          ${boards.value.map(({ id, name }) => html`<option value=${id} ?selected=${id === chosen.value}>${name}</option>`)}
        </select></label>
        <button type="button" class=${open ? '' : 'primary'} @click=${toggle}>${open ? 'Close it' : 'Open a stream'}</button>
        ${
          open
            ? html`<button type="button" ?disabled=${streamId === undefined}
          @click=${() => streamId && own.cut(streamId)}>Cut this stream</button>`
            : ''
        }
      </div>
      ${open ? frameList(open) : html`<p class="quiet">Each frame as it comes, with its bytes. Cut it, and see how it comes back by its cursor.</p>`}
    </section>`;
  }
}
