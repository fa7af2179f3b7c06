// Who and what the requests are about. What they destroy is made again before the next one.

import { Client } from '../helpers/client.ts';
import type { Names } from './placeholders.ts';
import type { WireRequest } from './requests.ts';

/** So that no limit of what one may have is all that the rest of a run meets. */
const LONGEST_USE = 150;

export class World {
  readonly #url: string;
  #names: Names = {};
  #uses = 0;
  #isWhole = false;

  constructor(url: string) {
    this.#url = url;
  }

  /** @returns what placeholders stand for: ids, secrets, cookies, the host */
  async names(): Promise<Names> {
    if (!this.#isWhole || this.#uses >= LONGEST_USE) {
      this.#names = await this.#make();
      this.#isWhole = true;
      this.#uses = 0;
    }
    this.#uses += 1;
    return this.#names;
  }

  /** Makes all of it anew for the next request. */
  forget(): void {
    this.#isWhole = false;
  }

  /** Call with the status of each answer: some take away what the next request is about. */
  answered({ method, operation }: WireRequest, status: number): void {
    const endsSomething = method === 'DELETE' || operation.path.includes('/members') || operation.path === '/users/me';
    if (endsSomething && method !== 'GET' && status < 300) this.#isWhole = false;
  }

  async #make(): Promise<Names> {
    const node = { url: this.#url };
    const owner = await Client.signUp(node, 'Owner');
    const viewer = await Client.signUp(node, 'Viewer');
    const stranger = await Client.signUp(node, 'Stranger');
    const board = await owner.createBoard();
    const otherBoard = await stranger.createBoard();
    const address = `/boards/${board}`;
    const member = await owner.post(`${address}/members`, { userId: viewer.user.id, role: 'viewer' });
    const items: string[] = [];
    for (const [client, id] of [
      [owner, board],
      [owner, board],
      [stranger, otherBoard],
    ] as const) {
      const { body } = await client.post(`/boards/${id}/items`, { text: 'a note', data: { a: { b: 1 } } });
      items.push(body.item.id);
    }
    const [item = '', item2 = '', otherItem = ''] = items;
    const { body: token } = await owner.post('/tokens', { name: 'token' });
    const { body: invite } = await owner.post(`${address}/invites`, { role: 'viewer' });
    const { body: webhook } = await owner.post(`${address}/webhooks`, { url: 'https://hooks.invalid/' });
    const { body: ticket } = await owner.post(`${address}/tickets`, {});
    const { body: snapshot } = await owner.get(address);
    const { body: other } = await stranger.get(`/boards/${otherBoard}`);
    if (member.status !== 201) throw new Error(`the world cannot be made: ${JSON.stringify(member.body)}`);
    return {
      host: new URL(this.#url).host,
      ...{ board, otherBoard, item, item2, otherItem },
      ...{ owner: owner.user.id, viewer: viewer.user.id, stranger: stranger.user.id },
      ...{ 'owner cookie': owner.cookie, 'viewer cookie': viewer.cookie, 'stranger cookie': stranger.cookie },
      ...{ tokenId: token.token.id, secret: token.secret, inviteId: invite.invite.id, invite: invite.token },
      webhookId: webhook.webhook.id,
      ...{ ticket: ticket.ticket, cursor: snapshot.cursor, otherCursor: other.cursor },
    };
  }
}
