// What every route answers: problems, the document, entity tags, spellings.

import { runFiles } from '../helpers/run-files.ts';

runFiles('http/problems', 'http/openapi', 'http/schemas', 'http/entity-tags', 'http/exact-numbers');
