// Who is on a board, and in which role.

import { html, type TemplateResult } from 'lit';
import { live } from 'lit/directives/live.js';
import type { Member } from '../../client/types.ts';

export interface MemberActions {
  setRole(member: Member, role: string): void;
  remove(member: Member): void;
}

const roles: Array<Member['role']> = ['owner', 'editor', 'viewer'];

/** @param me the id of who looks. @param isOwner who may change something */
export function memberList(
  members: readonly Member[],
  me: string,
  isOwner: boolean,
  { setRole, remove }: MemberActions,
): TemplateResult {
  return html`<h3>Members</h3>
    <ul class="links">
      ${members.map((member) => {
        const { user, role } = member;
        const name = user.id === me ? `${user.name} (you)` : user.name;
        const choose = (event: Event) => setRole(member, (event.currentTarget as HTMLSelectElement).value);
        if (!isOwner) return html`<li><span>${name}</span><span class="quiet">${role}</span></li>`;
        return html`<li>
          <span>${name}</span>
          <select class="role" aria-label=${`Role of ${name}`} .value=${live(role)} @change=${choose}>
            ${roles.map((each) => html`<option value=${each} ?selected=${each === role}>${each}</option>`)}
          </select>
          <button type="button" class="danger" aria-label=${`Remove ${name}`} @click=${() => remove(member)}>Remove</button>
        </li>`;
      })}
    </ul>`;
}
