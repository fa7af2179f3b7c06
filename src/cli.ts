#!/usr/bin/env node
// What is run: looks at the version of Node before it loads anything that an old one cannot read. So only what Node 12
// knows stands here, and no import at the top.

/** As package.json says. */
const LEAST = [20, 19];

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const [leastMajor = 0, leastMinor = 0] = LEAST;
if (major < leastMajor || (major === leastMajor && minor < leastMinor)) {
  console.error(`teamboard: Node ${process.versions.node} is too old: ${LEAST.join('.')} or newer is needed.`);
  process.exitCode = 2;
} else {
  void import('./command.ts').then(({ run }) => run(process.env));
}
