// The files that no other group names, so that none is forgotten.

import { readdirSync, readFileSync } from 'node:fs';
import { projectPath } from '../helpers/project.ts';
import { runFiles } from '../helpers/run-files.ts';

const root = projectPath('build/test');
const paths = readdirSync(root, { recursive: true, encoding: 'utf8' });
const groups = paths
  .filter((path) => /^groups\/.+\.js$/.test(path))
  .map((path) => readFileSync(`${root}/${path}`, 'utf8'));
const named = new Set(groups.flatMap((group) => [...group.matchAll(/['"]([\w/-]+)['"]/g)].map(([, path]) => path)));
const files = paths.filter((path) => path.endsWith('.test.js') && !path.startsWith('groups/'));

runFiles(...files.map((path) => path.slice(0, -'.test.js'.length)).filter((path) => !named.has(path)));
