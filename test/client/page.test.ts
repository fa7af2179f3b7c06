// The page that the client runs in, as far as it needs no browser.

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as esbuild from 'esbuild';
import t, { type Test } from 'tap';
import type { PageOutside } from '../../src/client/page-outside.ts';
import { projectPath } from '../helpers/project.ts';

const page: object = globalThis;

async function loadOutside(t: Test): Promise<() => PageOutside> {
  // Only a browser has what its types name.
  const outfile = join(t.testdir(), 'page.mjs');
  await esbuild.build({ entryPoints: [projectPath('src/client/browser/page.ts')], outfile, format: 'esm' });
  t.intercept(page, 'navigator' as never, { value: {} });
  return ((await import(pathToFileURL(outfile).href)) as { createOutside: () => PageOutside }).createOutside;
}

t.test('without TLS, where a browser makes no ids, a page makes them all the same', async (t) => {
  const createOutside = await loadOutside(t);
  t.intercept(crypto, 'randomUUID', { value: undefined });
  const { newId } = createOutside();
  const ids = new Set(Array.from({ length: 100 }, newId));
  t.equal(ids.size, 100);
  for (const id of ids) t.match(id, /^[\da-f]{8}(-[\da-f]{4}){4}[\da-f]{8}$/);
});

t.test('a frame that is never painted is called back all the same, once', async (t) => {
  const createOutside = await loadOutside(t);
  const paints: Array<() => void> = [];
  t.intercept(page, 'requestAnimationFrame' as never, { value: (paint: () => void) => paints.push(paint) });
  let count = 0;
  await new Promise<void>((resolve) => {
    createOutside().frame(() => {
      count += 1;
      resolve();
    });
  });
  for (const paint of paints) paint();
  t.equal(count, 1);
});
