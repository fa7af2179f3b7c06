// Who is calling, and with what.

import { runFiles } from '../helpers/run-files.ts';

runFiles(
  'accounts/attempts',
  'accounts/jwt',
  'accounts/application-cookies',
  'accounts/asked-application',
  'accounts/claims',
  'accounts/application-token',
  'accounts/tickets',
  'liveness/own-streams',
);
