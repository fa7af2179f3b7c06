// Accounts, guests, sessions and tokens.

import { runFiles } from '../helpers/run-files.ts';

runFiles(
  'accounts/users',
  'accounts/names',
  'accounts/deletion',
  'accounts/limits',
  'accounts/address-limits',
  'accounts/guests',
  'accounts/sessions',
  'accounts/tokens',
);
