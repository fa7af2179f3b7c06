// The project itself.

import { runFiles } from '../../helpers/run-files.ts';

runFiles(
  'config/config',
  'docs',
  'readme',
  'deploy',
  'compose',
  'systemd',
  'scripts/build',
  'scripts/pack',
  'scripts/check-imports',
  'scripts/simulate-reconnects',
);
