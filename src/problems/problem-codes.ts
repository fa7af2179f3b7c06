// Every error that a client can get, by its stable code. The OpenAPI document and docs/errors.md follow from it.

export interface ProblemKind {
  status: number;
  /** What has happened, whoever asked for whatever. */
  title: string;
  /** What to do about it. `detail` says more, where more is known of the request. */
  advice: string;
}

export const problems = {
  TB_INVALID: {
    status: 400,
    title: 'The request does not fit the contract',
    advice: 'Read `detail`: it names the first fault and its place; `errors` has them all, where there are several.',
  },
  TB_UNAUTHENTICATED: {
    status: 401,
    title: 'Nobody is signed in',
    advice: 'Sign in (POST /session, /users or /guests give you a cookie), or send a token (Authorization: Bearer).',
  },
  TB_OTHER_USER: {
    status: 401,
    title: 'Somebody else is signed in',
    advice: 'Sign in as the user that `User-Id` names, or leave that header field out.',
  },
  TB_WRONG_CREDENTIALS: {
    status: 401,
    title: 'Email or password is wrong',
    advice: 'Check both. Upper and lower case count in the password only.',
  },
  TB_FORBIDDEN: {
    status: 403,
    title: 'Your role does not allow this',
    advice: 'Ask an owner of the board for the role that it takes.',
  },
  TB_CROSS_SITE: {
    status: 403,
    title: 'Pages of other sites may not do this',
    advice:
      'A page of another site sent this: set CORS_ORIGINS to allow it, or PUBLIC_URL if it is your own; or send a token.',
  },
  TB_SESSION_REQUIRED: {
    status: 403,
    title: 'A token does not allow this',
    advice: 'Sign in with email and password, and use the cookie here.',
  },
  TB_WRONG_PASSWORD: {
    status: 403,
    title: 'The current password is another one',
    advice: 'Send the password that you have now as `currentPassword`.',
  },
  TB_NOT_FOUND: {
    status: 404,
    title: 'There is nothing here that you may see',
    advice: 'Check the address, and that you are a member of the board.',
  },
  TB_METHOD_NOT_ALLOWED: {
    status: 405,
    title: 'This address has other methods',
    advice: 'Use one of the methods that `Allow` names.',
  },
  TB_NOT_ACCEPTABLE: {
    status: 406,
    title: 'No representation that you accept',
    advice: 'Accept text/event-stream or application/json.',
  },
  TB_TIMEOUT: {
    status: 408,
    title: 'The request took too long to arrive',
    advice: 'Send the whole request sooner.',
  },
  TB_EMAIL_TAKEN: {
    status: 409,
    title: 'Somebody has an account with this email',
    advice: 'Sign in with it (POST /session), or take another address.',
  },
  TB_KEY_TAKEN: {
    status: 409,
    title: 'Another board has this key',
    advice: 'Open the board by it (GET /boards/~<key>), or take another key.',
  },
  TB_ALREADY_MEMBER: {
    status: 409,
    title: 'This user is a member already',
    advice: 'PATCH the member to change their role.',
  },
  TB_LAST_OWNER: {
    status: 409,
    title: 'A board keeps at least one owner',
    advice: 'Make somebody else an owner first, or delete the board.',
  },
  TB_LIMIT_REACHED: {
    status: 409,
    title: 'This is as much as one may have',
    advice: 'Delete what is not needed any more; `detail` names the limit, which the operator can raise.',
  },
  TB_ITEM_GONE: {
    status: 409,
    title: 'The batch names an item that is not on the board',
    advice: 'Nothing was written. Send the batch without what `errors` names.',
  },
  TB_ID_TAKEN: {
    status: 409,
    title: 'This board has, or had, another item with this id',
    advice: 'Look at the item: it may be yours, from an earlier attempt. Else take a new id.',
  },
  TB_INVITE_ENDED: {
    status: 410,
    title: 'This invite has ended',
    advice: 'Ask an owner of the board for another.',
  },
  TB_TRIMMED: {
    status: 410,
    title: 'The log does not reach this place any more',
    advice:
      'Take a later cursor. `RETENTION_EVENTS`, `RETENTION_DAYS` and `RETENTION_BYTES` say how far back a log goes.',
  },
  TB_CONFLICT: {
    status: 412,
    title: 'Somebody has changed this since',
    advice: 'See what changed, merge it with yours, and send it for the current version.',
  },
  TB_TOO_LARGE: {
    status: 413,
    title: 'The body is too large',
    advice: 'Send less at a time.',
  },
  TB_UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    title: 'The body is in no format that is read here',
    advice: 'Send JSON in UTF-8 with Content-Type: application/json, and without Content-Encoding.',
  },
  TB_EXPECTATION_FAILED: {
    status: 417,
    title: 'The request expects what is not done here',
    advice: 'Of all expectations only 100-continue is met: leave the field Expect out.',
  },
  TB_KEY_REUSED: {
    status: 422,
    title: 'This idempotency key belongs to another request',
    advice: 'Take a new key for another request; repeat a request as it was.',
  },
  TB_TOO_MANY_STREAMS: {
    status: 429,
    title: 'You have as many streams open as one user may',
    advice: 'Close some of your streams first.',
  },
  TB_TOO_MANY_PAGES: {
    status: 429,
    title: 'You read more pages at once than one user may',
    advice: 'Read one page after the other.',
  },
  TB_TOO_MANY_TICKETS: {
    status: 429,
    title: 'You have as many unused tickets as one user may',
    advice: 'Use them, or wait for a minute: what nobody uses is gone then.',
  },
  TB_TOO_MANY_WRITES: {
    status: 429,
    title: 'You write more often than one user may',
    advice: 'Write less often, or many items with one request; wait as `Retry-After` says.',
  },
  TB_TOO_MANY_BROADCASTS: {
    status: 429,
    title: 'You broadcast more often than one user may',
    advice: 'Broadcast less often: people see some 20 a second.',
  },
  TB_TOO_MANY_RENAMES: {
    status: 429,
    title: 'You change your name more often than one user may',
    advice: 'Wait as `Retry-After` says, or change the rest without the name.',
  },
  TB_TOO_MANY_ACCOUNTS: {
    status: 429,
    title: 'Your address has made as many accounts as one may at a time',
    advice: 'Wait as `Retry-After` says, or sign in to the account that you have.',
  },
  TB_TOO_MANY_LOOKUPS: {
    status: 429,
    title: 'Your address looks up more than strangers may',
    advice: 'Wait as `Retry-After` says, or sign in.',
  },
  TB_TOO_MANY_ATTEMPTS: {
    status: 429,
    title: 'Too many attempts',
    advice: 'Wait as `Retry-After` says before you try again.',
  },
  TB_HEADERS_TOO_LARGE: {
    status: 431,
    title: 'The header fields are too large',
    advice: 'Send fewer or smaller cookies and header fields.',
  },
  TB_INTERNAL: {
    status: 500,
    title: 'The server failed',
    advice: 'This is a fault of the server. It has been logged: tell the operator.',
  },
  TB_OUTCOME_UNKNOWN: {
    status: 503,
    title: 'Nobody knows whether this was done',
    advice: 'Send it again with the same Idempotency-Key, and it is done once; without a key, look first.',
  },
  TB_UNAVAILABLE: {
    status: 503,
    title: 'The server cannot do this now',
    advice: 'Try again as `Retry-After` says: it passes.',
  },
} as const satisfies Record<`TB_${string}`, ProblemKind>;

export type ProblemCode = keyof typeof problems;

export const problemCodes = Object.keys(problems) as ProblemCode[];

/** As Markdown: in the document of the API, and in docs/errors.md. */
export const problemTable = [
  '| `code` | Status | What has happened | What to do |',
  '| --- | --- | --- | --- |',
  ...problemCodes.map((code) => {
    const { status, title, advice } = problems[code];
    return `| \`${code}\` | ${status} | ${title} | ${advice} |`;
  }),
].join('\n');
