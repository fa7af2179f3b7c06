// The applications of examples/, with their frameworks.

import { runFiles } from '../../helpers/run-files.ts';

runFiles('examples/rails', 'examples/django', 'examples/express', 'examples/php');
