// What the build has made of src/web/, as it lies beside the compiled code.

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface WebFile {
  /** With a slash in front. */
  path: string;
  type: string;
  content: Buffer;
  /** The same, as a client may have it that takes gzip. */
  gzipped: Buffer | undefined;
  /** Its name changes with its content. */
  isImmutable: boolean;
  /** Without quotes. */
  tag: string;
}

/** Sources that run as they are have none. */
const folder = fileURLToPath(new URL('../web/', import.meta.url));

const types: Record<string, string> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.ico': 'image/x-icon',
  '.png': 'image/png',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
};
/** Beside them lie modules that only tests import, and their maps. */
const served = /^(?:assets\/.+|(?:team-board|worker)\.js|[a-z-]+\.(?:svg|ico|png|txt|webmanifest))$/;

let files: WebFile[] | undefined;

/** @returns all but the page itself, read once by a process */
export function readWebFiles(): WebFile[] {
  files ??= readFolder();
  return files;
}

function readFolder(): WebFile[] {
  if (!existsSync(folder)) return [];
  return (readdirSync(folder, { recursive: true }) as string[])
    .map((name) => name.replaceAll('\\', '/'))
    .flatMap((name) => {
      const type = types[extname(name)];
      if (type === undefined || !served.test(name)) return [];
      const content = readFileSync(folder + name);
      const gzipped = existsSync(`${folder}${name}.gz`) ? readFileSync(`${folder}${name}.gz`) : undefined;
      return [
        { path: `/${name}`, type, content, gzipped, isImmutable: name.startsWith('assets/'), tag: tagOf(content) },
      ];
    });
}

export interface WebPage {
  content: string;
  /** Without quotes. */
  tag: string;
}

/**
 * @param basePath below which browsers see this server: each address of the application has the same page, so what it
 *   loads is named from there
 * @returns the page, and the same for who has sent no cookie: it need not ask who is signed in. Undefined when nothing was
 *   built
 */
export function readWebPages(basePath: string): { page: WebPage; ofStranger: WebPage } | undefined {
  const path = `${folder}index.html`;
  if (!existsSync(path)) return undefined;
  const content = readFileSync(path, 'utf8').replaceAll('="./', `="${basePath}/`);
  const asPage = (text: string): WebPage => ({ content: text, tag: tagOf(text) });
  return { page: asPage(content), ofStranger: asPage(content.replace('<html', '<html data-visitor="stranger"')) };
}

function tagOf(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('base64url').slice(0, 22);
}
