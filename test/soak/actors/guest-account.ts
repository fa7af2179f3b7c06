// How a guest gets what its streams hang on, and how each of these ends: through any node, or past all of them.

import { hashSecret } from '../../../src/accounts/secret.ts';
import type { Random } from '../random.ts';
import type { StreamKind } from '../readers/stream-kind.ts';
import type { Ledger } from '../rules/ledger.ts';
import type { Violations } from '../violations.ts';
import { joinBoards, type SoakBoard } from '../world/boards.ts';
import { askAnyNode, type PatientAnswer, type PatientRequest } from '../world/patient-request.ts';
import type { SoakNode } from '../world/soak-node.ts';
import type { SteadyClient } from '../world/steady-client.ts';
import { Ground, type Membership, type Session, type Token } from './grounds.ts';

const PASSWORD = 'correct horse battery staple';

export interface GuestAccountOptions {
  name: string;
  /** The one that it is thrown out of. */
  board: SoakBoard;
  keptBoardIds: string[];
  nodes: SoakNode[];
  sql: SteadyClient;
  random: Random;
  ledger: Ledger;
  violations: Violations;
}

export type Way = 'REST' | 'SQL';

/** Whatever it does is repeated until it is done, and may be done twice without harm. */
export class GuestAccount {
  readonly #options: GuestAccountOptions;
  #userId = '';
  #changes = 0;
  #removals = 0;

  constructor(options: GuestAccountOptions) {
    this.#options = options;
  }

  get userId(): string {
    return this.#userId;
  }

  /** Once, while all is well. */
  async signUp(): Promise<void> {
    const { name } = this.#options;
    const body = { name, email: this.#email, password: PASSWORD };
    const answer = await this.#ask([201], { method: 'POST', path: '/users', headers: {}, body });
    this.#userId = answer.body.user.id;
  }

  async signIn(): Promise<Session> {
    const body = { email: this.#email, password: PASSWORD };
    const { cookie } = await this.#ask([201], { method: 'POST', path: '/session', headers: {}, body });
    return Object.assign(new Ground('session'), { cookie });
  }

  async createToken({ cookie }: Session): Promise<Token> {
    const request: PatientRequest = { method: 'POST', path: '/tokens', headers: { cookie }, body: { name: 'soak' } };
    const { token, secret } = (await this.#ask([201], request)).body;
    return Object.assign(new Ground('token'), { id: token.id, secret });
  }

  async createTicket(headers: Record<string, string>, kind: StreamKind): Promise<string> {
    const { board, keptBoardIds } = this.#options;
    const request: PatientRequest =
      kind === 'one'
        ? { method: 'POST', path: `/boards/${board.id}/tickets`, headers }
        : { method: 'POST', path: '/tickets', headers, body: { boards: [board.id, ...keptBoardIds] } };
    return (await this.#ask([201], request)).body.ticket;
  }

  /** The boards that it is never thrown out of. */
  async joinKept(): Promise<void> {
    const { sql, keptBoardIds } = this.#options;
    await joinBoards(sql, keptBoardIds, this.#userId);
  }

  async join(way: Way): Promise<Membership> {
    const { sql, board } = this.#options;
    if (way === 'REST') {
      await this.#changeMembers(201, 'POST', `/boards/${board.id}/members`, { userId: this.#userId, role: 'viewer' });
    } else {
      const text = `insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'viewer') on conflict do nothing`;
      await sql.ask(text, [board.id, this.#userId]);
    }
    return Object.assign(new Ground('membership'), { removals: this.#removals });
  }

  /** A repeat finds it ended: 401. */
  async endSession({ cookie }: Session, way: Way): Promise<void> {
    const { sql } = this.#options;
    const hash = hashSecret(cookie.slice(cookie.indexOf('=') + 1));
    if (way === 'SQL') await sql.ask('delete from teamboard.sessions where token_hash = $1', [hash]);
    else await this.#ask([204, 401], { method: 'DELETE', path: '/session', headers: { cookie } });
  }

  /** A repeat finds none: 404. */
  async endToken({ id }: Token, { cookie }: Session, way: Way): Promise<void> {
    const { sql } = this.#options;
    if (way === 'SQL') await sql.ask('delete from teamboard.tokens where id = $1', [id]);
    else await this.#ask([204, 404], { method: 'DELETE', path: `/tokens/${id}`, headers: { cookie } });
  }

  async leave(way: Way): Promise<void> {
    const { sql, board } = this.#options;
    if (way === 'REST') await this.#changeMembers(204, 'DELETE', `/boards/${board.id}/members/${this.#userId}`);
    else await sql.ask('delete from teamboard.members where board_id = $1 and user_id = $2', [board.id, this.#userId]);
    this.#removals += 1;
  }

  get #email(): string {
    return `${this.#options.name.replaceAll(' ', '-')}@example.com`;
  }

  /** Under a key: a node that was paused must not remove whom another one has added again meanwhile. */
  async #changeMembers(expected: number, method: 'POST' | 'DELETE', path: string, body?: object): Promise<void> {
    const { name, board, ledger } = this.#options;
    this.#changes += 1;
    const mutation = ledger.begin(`${name.replaceAll(' ', '-')}/${this.#changes}`, board.id, 1);
    const headers = { cookie: board.ownerCookie, 'idempotency-key': mutation.id };
    await this.#ask([expected], { method, path, headers, ...(body && { body }) });
    ledger.acknowledge(mutation);
  }

  async #ask(expected: number[], request: PatientRequest): Promise<PatientAnswer> {
    const { nodes, random, violations, name } = this.#options;
    const answer = await askAnyNode(nodes, random, request);
    if (!expected.includes(answer.status)) {
      const detail = `${name}: ${request.method} ${request.path}: ${answer.status} ${JSON.stringify(answer.body)}`;
      violations.add('what a guest asks for is answered as it should be', detail);
    }
    return answer;
  }
}
