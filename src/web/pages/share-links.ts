// The links that invite to a board: a new one, and those that are out.

import { signal } from '@preact/signals-core';
import { html, type TemplateResult } from 'lit';
import type { App } from '../app.ts';
import { onSubmit } from '../ui/form.ts';

interface Invite {
  id: string;
  role: 'editor' | 'viewer';
  uses: number;
  maxUses: number | null;
  expiresAt: string;
}

const HOURS: Record<string, number> = { day: 24, week: 168, month: 720 };

export class ShareLinks {
  readonly #app: App;
  readonly #path: string;
  readonly #do: (what: () => Promise<string>) => void;
  readonly #link = signal('');
  readonly #code = document.createElement('canvas');
  readonly #invites = signal<readonly Invite[]>([]);

  /** @param run does what was asked for, and shows what it says or why it failed */
  constructor(app: App, boardId: string, run: (what: () => Promise<string>) => void) {
    this.#app = app;
    this.#path = `/boards/${boardId}/invites`;
    this.#do = run;
    this.#code.role = 'img';
    this.#code.ariaLabel = 'QR code of the link';
  }

  /** @throws Failure */
  async load(): Promise<void> {
    this.#invites.value = (await this.#app.service.call<{ invites: Invite[] }>('GET', this.#path)).invites;
  }

  render(): TemplateResult {
    const make = onSubmit((fields) => this.#do(() => this.#make(fields)));
    return html`<form class="row" @submit=${make}>
        <label>May<select name="role"><option value="editor">edit</option><option value="viewer">only look</option></select></label>
        <label>Lasts<select name="lasts"><option value="week">a week</option><option value="day">a day</option><option value="month">a month</option></select></label>
        <label>For<select name="uses"><option value="">everyone</option><option value="1">one person</option><option value="10">ten people</option></select></label>
        <button class="primary">Make a link</button>
      </form>
      ${this.#link.value ? this.#made(this.#link.value) : ''}
      ${this.#invites.value.length > 0 ? this.#list(this.#invites.value) : ''}`;
  }

  #made(link: string): TemplateResult {
    const copy = async (event: Event) => {
      // Where there is no TLS, there is no clipboard but that of the commands.
      if (!('clipboard' in navigator)) {
        (event.target as Element).closest('.made')?.querySelector('input')?.select();
        document.execCommand('copy');
      } else await navigator.clipboard.writeText(link);
      return 'Copied.';
    };
    const select = (event: FocusEvent) => (event.target as HTMLInputElement).select();
    return html`<div class="row made">
        <label>Link<input readonly .value=${link} @focus=${select}></label>
        <button type="button" @click=${(event: Event) => this.#do(() => copy(event))}>Copy</button>
      </div>
      <figure class="qr">
        ${this.#code}
        <figcaption class="quiet">For the phones of those who sit beside you.</figcaption>
      </figure>`;
  }

  #list(invites: readonly Invite[]): TemplateResult {
    const date = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
    return html`<h3>Links that are out</h3>
      <ul class="links">${invites.map(({ id, role, uses, maxUses, expiresAt }) => {
        const until = date.format(new Date(expiresAt));
        const used = maxUses === null ? `used ${uses}×` : `used ${uses} of ${maxUses}×`;
        return html`<li>
          <span>${role === 'editor' ? 'May edit' : 'May look'}, until ${until}, ${used}</span>
          <button type="button" class="danger" @click=${() => this.#do(() => this.#revoke(id))}>Revoke</button>
        </li>`;
      })}</ul>`;
  }

  async #make({ role = 'editor', lasts = 'week', uses = '' }: Record<string, string>): Promise<string> {
    const { token } = await this.#app.service.call<{ token: string }>('POST', this.#path, {
      role,
      expiresInHours: HOURS[lasts],
      ...(uses !== '' && { maxUses: Number(uses) }),
    });
    // As this browser reaches the server, whatever the server takes for its own address.
    this.#link.value = `${this.#app.service.url}/invites/${token}`;
    await this.load();
    const { drawCode } = await import('../ui/qr-code.ts');
    drawCode(this.#code, this.#link.value);
    return '';
  }

  async #revoke(inviteId: string): Promise<string> {
    await this.#app.service.call('DELETE', `${this.#path}/${inviteId}`);
    await this.load();
    return 'Revoked. Who has come by it stays.';
  }
}
