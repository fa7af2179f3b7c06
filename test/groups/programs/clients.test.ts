// Clients of other people, and those of the documentation.

import { runFiles } from '../../helpers/run-files.ts';

runFiles('clients', 'paths/clients-are-cut', 'http/openapi-tools');
