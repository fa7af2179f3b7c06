// A node that may open no more files.

import { runFiles } from '../../helpers/run-files.ts';

runFiles('paths/file-descriptors-exhausted');
