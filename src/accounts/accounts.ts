// What people do with their accounts: sign up, sign in, change them. Every password goes through here.

import { invalid, Problem } from '../problems/problem.ts';
import type { AddressLimit } from '../redis/address-limit.ts';
import type { AccountStore, NewCredentials, SignIn } from './account-store.ts';
import type { AttemptLimits } from './attempt-limits.ts';
import { unauthenticated } from './challenge.ts';
import { checkPasswordSize, emailKey, readEmail } from './credentials.ts';
import { NameLimit } from './name-limit.ts';
import type { Passwords } from './passwords.ts';
import type { Credentials, NewUser, User, UserPatch } from './user.ts';

export interface AccountsOptions {
  store: AccountStore;
  passwords: Passwords;
  attempts: AttemptLimits;
  limit: AddressLimit;
}

/** The browser or program at the other end. */
export interface Client {
  /** What its attempts are counted by. */
  address: string;
  /** What may be secrets of sessions that it has now, which a new one replaces: nobody goes on in one they did not begin. */
  sessions: string[];
}

interface PasswordCheck {
  userId: string;
  /** What the attempts are counted by, beside the address. */
  email: string;
  currentPassword: string | undefined;
  address: string;
}

export class Accounts {
  readonly #store: AccountStore;
  readonly #passwords: Passwords;
  readonly #attempts: AttemptLimits;
  readonly #limit: AddressLimit;
  readonly #names = new NameLimit();

  constructor({ store, passwords, attempts, limit }: AccountsOptions) {
    this.#store = store;
    this.#passwords = passwords;
    this.#attempts = attempts;
    this.#limit = limit;
  }

  /** @throws Problem TB_TOO_MANY_ACCOUNTS */
  async signUpGuest({ name }: { name: string }, { address }: Client): Promise<SignIn> {
    await this.#limit.take(address);
    return this.#store.createGuest(name.trim());
  }

  /** @throws Problem TB_INVALID, TB_EMAIL_TAKEN, TB_TOO_MANY_ACCOUNTS, TB_TOO_MANY_ATTEMPTS or TB_UNAVAILABLE */
  async signUp({ name, email, password }: NewUser, { address, sessions }: Client): Promise<SignIn> {
    const valid = readEmail(email);
    checkPasswordSize('password', password);
    // Also one that fails: the hash has been made by then.
    await this.#limit.take(address);
    // Counted, because the answer tells whether somebody has an account here.
    return this.#attempts.run(address, undefined, async () => {
      const passwordHash = await this.#passwords.hash(password);
      return this.#store.createUser(name.trim(), { email: valid, passwordHash }, sessions);
    });
  }

  /** @throws Problem TB_WRONG_CREDENTIALS, TB_TOO_MANY_ATTEMPTS or TB_UNAVAILABLE */
  async signIn({ email, password }: Credentials, { address, sessions }: Client): Promise<SignIn> {
    checkPasswordSize('password', password);
    return this.#attempts.run(address, emailKey(email), async () => {
      const found = await this.#store.findCredentials(email.trim());
      const fits = await this.#passwords.verify(password, found?.passwordHash);
      const signIn = fits && found ? await this.#store.signIn(found, sessions) : undefined;
      if (!signIn) throw wrongCredentials();
      return signIn;
    });
  }

  /**
   * @returns a new session when the credentials are new: then all others have ended
   * @throws Problem TB_INVALID, TB_EMAIL_TAKEN, TB_WRONG_PASSWORD, TB_TOO_MANY_RENAMES, TB_TOO_MANY_ACCOUNTS (a guest's),
   *   TB_TOO_MANY_ATTEMPTS or TB_UNAVAILABLE
   */
  async change(user: User, patch: UserPatch, address: string): Promise<{ user: User } | SignIn> {
    if (patch.email === undefined && patch.password === undefined) {
      if (patch.name === undefined) throw invalid('/', 'names nothing to change');
      if (patch.currentPassword !== undefined) throw invalid('/currentPassword', 'goes with a new email or password');
      this.#names.take(user.id);
      const renamed = await this.#store.rename(user.id, patch.name.trim());
      if (!renamed) throw unauthenticated();
      return { user: renamed };
    }
    const valid = patch.email === undefined ? patch : { ...patch, email: readEmail(patch.email) };
    for (const field of ['password', 'currentPassword'] as const) checkPasswordSize(field, patch[field] ?? '');
    if (valid.name !== undefined) this.#names.take(user.id);
    return user.email === null
      ? this.#keepGuest(user.id, valid, address)
      : this.#changeCredentials(user.id, user.email, valid, address);
  }

  /**
   * @param currentPassword undefined for a guest
   * @throws Problem TB_INVALID, TB_LAST_OWNER, TB_WRONG_PASSWORD, TB_TOO_MANY_ATTEMPTS or TB_UNAVAILABLE
   */
  async delete({ id, email }: User, currentPassword: string | undefined, address: string): Promise<void> {
    const kept = await (email === null
      ? this.#deleteGuest(id, currentPassword)
      : this.#withPassword({ userId: id, email, currentPassword, address }, (hash) => this.#store.delete(id, hash)));
    if (!kept) throw wrongPassword();
    if (kept.length > 0) throw lastOwner(kept);
  }

  async #deleteGuest(userId: string, currentPassword: string | undefined) {
    if (currentPassword !== undefined) throw invalid('/currentPassword', 'is what a guest does not have');
    return this.#store.delete(userId, undefined);
  }

  async #keepGuest(userId: string, { name, email, password, currentPassword }: UserPatch, address: string) {
    if (currentPassword !== undefined) throw invalid('/currentPassword', 'is what a guest does not have');
    if (email === undefined || password === undefined) {
      const missing = email === undefined ? '/email' : '/password';
      throw invalid(missing, 'is missing: a guest sets email and password together');
    }
    await this.#limit.take(address);
    return this.#attempts.run(address, undefined, async () => {
      const credentials: NewCredentials = { email, passwordHash: await this.#passwords.hash(password) };
      const signIn = await this.#store.keepGuest(userId, credentials, name?.trim());
      if (!signIn) throw wrongPassword();
      return signIn;
    });
  }

  async #changeCredentials(userId: string, oldEmail: string, patch: UserPatch, address: string) {
    const { name, email, password, currentPassword } = patch;
    return this.#withPassword({ userId, email: oldEmail, currentPassword, address }, async (oldHash) => {
      const passwordHash = password === undefined ? undefined : await this.#passwords.hash(password);
      const change = { name: name?.trim(), email, passwordHash };
      const signIn = await this.#store.change({ userId, passwordHash: oldHash }, change);
      if (!signIn) throw wrongPassword();
      return signIn;
    });
  }

  /** @param act gets the hash of the password, for a write that is done only while it is the same */
  async #withPassword<Result>(
    { userId, email, currentPassword, address }: PasswordCheck,
    act: (passwordHash: string) => Promise<Result>,
  ): Promise<Result> {
    if (currentPassword === undefined) {
      throw invalid('/currentPassword', 'is missing: it goes with new credentials, and with the end of the account');
    }
    checkPasswordSize('currentPassword', currentPassword);
    return this.#attempts.run(address, emailKey(email), async () => {
      const passwordHash = await this.#store.findPasswordHash(userId);
      const fits = await this.#passwords.verify(currentPassword, passwordHash);
      if (!fits || passwordHash === undefined) throw wrongPassword();
      return act(passwordHash);
    });
  }
}

function lastOwner(boardIds: string[]): Problem {
  const what = boardIds.length === 1 ? 'a board that others are on' : `${boardIds.length} boards that others are on`;
  const detail =
    `You are the only owner of ${what}: make somebody else an owner of each ` +
    '(PATCH /boards/:id/members/:userId), or delete it (DELETE /boards/:id).';
  const errors = boardIds.map((id) => ({ path: `/boards/${id}`, message: 'has no other owner' }));
  return new Problem('TB_LAST_OWNER', detail, { errors });
}

/** The same whichever part is wrong: nobody learns here who has an account. */
function wrongCredentials(): Problem {
  return new Problem('TB_WRONG_CREDENTIALS', 'Check both. Upper and lower case count in the password only.');
}

/** Also when the account has changed between the look and the write. */
function wrongPassword(): Problem {
  return new Problem('TB_WRONG_PASSWORD', 'Send the password that you have now as `currentPassword`.');
}
