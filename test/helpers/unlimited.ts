// Limits of one user or address that only the tests of them meet: all others do as much as they can.

export const unlimited = { WRITES_PER_SECOND: '1000000', ACCOUNTS_PER_MINUTE: '1000000' };
