// The check of the way in between: what it has found, and how to mend that.

import { signal } from '@preact/signals-core';
import { html, type TemplateResult } from 'lit';
import { mendings } from '../../way/mending.ts';
import { type Finding, judgeWay } from '../../way/way-verdict.ts';
import { lineOf } from '../state/service.ts';
import { measureWay } from './way-check.ts';

const tones = { good: 'Fine', note: 'Note', bad: 'Mend this' } as const;

export class WayPart {
  readonly #url: string;
  readonly #closed = new AbortController();
  readonly #step = signal('');
  readonly #failure = signal('');
  readonly #findings = signal<readonly Finding[] | undefined>(undefined);

  /** @param url of the server, without a slash at the end */
  constructor(url: string) {
    this.#url = url;
  }

  close(): void {
    this.#closed.abort();
  }

  async #check(): Promise<void> {
    this.#failure.value = '';
    this.#findings.value = undefined;
    const onStep = (step: string) => {
      this.#step.value = step;
    };
    try {
      this.#findings.value = judgeWay(await measureWay(this.#url, this.#closed.signal, onStep));
    } catch (error) {
      this.#failure.value = error instanceof TypeError ? 'The check was cut off. Try again.' : lineOf(error);
    }
    this.#step.value = '';
  }

  render(): TemplateResult {
    const step = this.#step.value;
    const findings = this.#findings.value;
    return html`<section class="card" aria-labelledby="way">
      <h2 id="way">The way in between</h2>
      <p class="row"><button type="button" ?disabled=${step !== ''} @click=${() => this.#check()}>Check the way</button>
        <span role="status">${step || (findings ? verdict(findings) : '')}</span></p>
      <p class="failure" role="alert" ?hidden=${this.#failure.value === ''}>${this.#failure.value}</p>
      ${
        findings
          ? html`<dl class="findings">${findings.map(found)}</dl>`
          : html`<p class="quiet">Whether proxies hold events back, compress them or end what is silent, and which HTTP this browser speaks. It takes as long as two heartbeats are apart.</p>`
      }
    </section>`;
  }
}

function verdict(findings: readonly Finding[]): string {
  const isBad = findings.some(({ tone }) => tone === 'bad');
  return isBad ? 'Something in between hinders the streams.' : 'The way is fine.';
}

function found({ about, tone, text, fault }: Finding): TemplateResult {
  return html`<dt>${about} <span class="tone" data-tone=${tone}>${tones[tone]}</span></dt>
    <dd>${text}
      ${
        fault
          ? html`<details ?open=${tone === 'bad'}><summary>${tone === 'bad' ? 'How to mend it' : 'How to change it'}</summary>
        <table><tbody>${mendings[fault].rows.map(([where, what]) => html`<tr><th scope="row">${where}</th><td>${withCode(what)}</td></tr>`)}</tbody></table>
      </details>`
          : ''
      }</dd>`;
}

/** What stands in backquotes is to be written as it is. */
function withCode(text: string) {
  return text.split('`').map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : part));
}
