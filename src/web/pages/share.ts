// What shares a board: links that invite to it, and who is on it in which role.

import { signal } from '@preact/signals-core';
import { html, type TemplateResult } from 'lit';
import type { Member } from '../../client/types.ts';
import type { App } from '../app.ts';
import { lineOf } from '../state/service.ts';
import { opened } from '../ui/dialog.ts';
import { ShareLinks } from './share-links.ts';
import { memberList } from './share-members.ts';

export class Share {
  readonly #app: App;
  readonly #id: string;
  readonly #isOpen = signal(false);
  readonly #members = signal<readonly Member[]>([]);
  /** What was done last, or why it could not be. */
  readonly #said = signal('');
  readonly #links: ShareLinks;

  constructor(app: App, id: string) {
    this.#app = app;
    this.#id = id;
    this.#links = new ShareLinks(app, id, (what) => this.#do(what));
  }

  open(): void {
    this.#said.value = '';
    this.#isOpen.value = true;
    void this.#do(async () => {
      await this.#loadMembers();
      if (this.#isOwner) await this.#links.load();
      return '';
    });
  }

  render(): TemplateResult | '' {
    if (!this.#isOpen.value) return '';
    const close = () => {
      this.#isOpen.value = false;
    };
    const me = this.#app.session.me.value?.id ?? '';
    const members = this.#members.value;
    return html`<dialog aria-labelledby="share" @close=${close} ${opened()}>
      <h2 id="share">Share this board</h2>
      ${this.#isOwner ? this.#links.render() : html`<p class="quiet">Its owners can invite somebody.</p>`}
      <p role="status">${this.#said.value}</p>
      ${memberList(members, me, this.#isOwner, {
        setRole: (member, role) => this.#do(() => this.#setRole(member, role)),
        remove: (member) => this.#do(() => this.#remove(member)),
      })}
      <div class="row end"><button type="button" @click=${close}>Close</button></div>
    </dialog>`;
  }

  get #isOwner(): boolean {
    const me = this.#app.session.me.value?.id;
    return this.#members.value.some(({ user, role }) => user.id === me && role === 'owner');
  }

  async #loadMembers(): Promise<void> {
    const path = `/boards/${this.#id}/members`;
    this.#members.value = (await this.#app.service.call<{ members: Member[] }>('GET', path)).members;
  }

  async #setRole({ user }: Member, role: string): Promise<string> {
    await this.#app.service.call('PATCH', `/boards/${this.#id}/members/${user.id}`, { role });
    await this.#loadMembers();
    return `${user.name} is ${role} now.`;
  }

  async #remove({ user }: Member): Promise<string> {
    await this.#app.service.call('DELETE', `/boards/${this.#id}/members/${user.id}`);
    await this.#loadMembers();
    return `${user.name} is no longer on the board.`;
  }

  /** @param what says what it has done */
  async #do(what: () => Promise<string>): Promise<void> {
    try {
      this.#said.value = await what();
    } catch (error) {
      this.#said.value = lineOf(error);
      // What is shown is not what was chosen, but what is so.
      if (this.#members.value.length > 0) await this.#loadMembers().catch(() => {});
    }
  }
}
