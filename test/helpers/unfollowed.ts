// Loaded before tap into each process of tests (.taprc). Tap follows every module that is loaded, in a thread beside, by
// hooks of Node's: a second of CPU for the 800 modules of tap and the application. Only the coverage goes by what they
// find.

import module from 'node:module';

const HOOKS = '@tapjs/processinfo/';
const { register } = module;

// Those that the tests start have folders of their own, from which this file is not found.
delete process.env.NODE_OPTIONS;

if (process.env._TAPJS_PROCESSINFO_COVERAGE_ === '0') {
  module.register = (specifier, ...rest) => {
    if (!String(specifier).includes(HOOKS)) register(specifier, ...(rest as []));
  };
}
