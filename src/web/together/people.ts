// Who has the board open. Whoever is chosen there is followed.

import { html, type TemplateResult } from 'lit';
import { ref } from 'lit/directives/ref.js';
import type { User } from '../../client/types.ts';
import { colorOfUser, initialsOf } from '../model/palette.ts';
import type { Following } from './following.ts';

const MOST_SHOWN = 5;

export interface PeopleOptions {
  present: readonly User[];
  /** Is named first. */
  me: User;
  following: Following;
  onFollow(user: User): void;
}

export function people({ present, me, following, onFollow }: PeopleOptions): TemplateResult {
  const sorted = [...present].sort((one, other) => Number(other.id === me.id) - Number(one.id === me.id));
  const more = sorted.length - MOST_SHOWN;
  const person = (user: User) => {
    if (user.id === me.id)
      return html`<li class="person" title=${`${user.name} (you)`}>${avatar(user)}<span class="name">${user.name} (you)</span></li>`;
    const isFollowed = following.whom.value?.id === user.id;
    const follows = following.followers.value.has(user.id) ? ', follows you' : '';
    const toggle = () => (isFollowed ? following.stop() : onFollow(user));
    return html`<li><button type="button" class="plain person" aria-pressed=${isFollowed} aria-label=${`Follow ${user.name}${follows}`}
      title=${isFollowed ? `Stop following ${user.name}` : `Follow ${user.name}${follows}`} @click=${toggle}>${avatar(user)}<span class="name">${user.name}</span></button></li>`;
  };
  return html`<section class="people" aria-label="People here">
    <ul>${sorted.slice(0, MOST_SHOWN).map(person)}</ul>
    ${
      more > 0
        ? html`<button type="button" class="plain person" popovertarget="everyone" aria-label=${`All ${sorted.length} people`}><span class="avatar more" aria-hidden="true">+${more}</span></button>
      <ul id="everyone" popover>${sorted.map(person)}</ul>`
        : ''
    }
  </section>`;
}

function avatar(user: User): TemplateResult {
  const paint = ref((element) => {
    if (element instanceof HTMLElement) element.style.setProperty('--person', colorOfUser(user.id));
  });
  return html`<span class="avatar" aria-hidden="true" ${paint}>${initialsOf(user.name)}</span>`;
}
