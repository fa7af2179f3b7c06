// What a request says of the address that it means: one host that can be one, and whether by TLS. Of a proxy that is
// trusted (TRUST_PROXY) what it says that browsers have asked for.

import type { FastifyInstance, FastifyRequest } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { invalid } from '../problems/problem.ts';
import { originOfHost } from './origin.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Browsers reach this server by https: as `PUBLIC_URL` says, else as this request has come. */
    readonly isOverTls: boolean;
  }
}

export interface HostOptions {
  /** By `PUBLIC_URL`; undefined: it says nothing. */
  overTls: boolean | undefined;
}

/** A name, an IPv4 address or an IPv6 address in brackets, and a port (RFC 9110, 7.2; RFC 3986, 3.2.2). */
const authority = /^(?:\[[\da-f:.]{2,45}\]|[\w.~-]{1,255})(?::\d{0,5})?$/i;
/** The form that a client uses before a proxy (RFC 9112, 3.2.2). */
const absoluteForm = /^(https?:)\/\/([^/?#]*)/i;

/**
 * Links are made of it where no `PUBLIC_URL` is set, and proxies go by it: two readers of one request must not find two
 * hosts in it. Needs a server with `requireHostHeader: false`, which would answer in its own words. Register before
 * whatever reads the host.
 */
export default fastifyPlugin(
  async (app: FastifyInstance, { overTls }: HostOptions) => {
    app.decorateRequest('isOverTls', {
      getter(this: FastifyRequest) {
        return overTls ?? this.protocol === 'https';
      },
    });
    app.addHook('onRequest', async ({ raw, host: meant, protocol }) => {
      if (!/^https?$/.test(protocol)) throw invalid('/x-forwarded-proto', 'must be http or https');
      const hosts = raw.rawHeaders.filter(
        (_value, index, all) => index % 2 === 1 && /^host$/i.test(all[index - 1] ?? ''),
      );
      const [host] = hosts;
      if (hosts.length > 1) throw invalid('/host', 'must be there once');
      if (meant !== (host ?? '') && !authority.test(meant)) {
        throw invalid('/x-forwarded-host', 'must be the name or address of this server');
      }
      if (host === undefined) {
        if (raw.httpVersion === '1.0') return;
        throw invalid('/host', 'is missing');
      }
      if (!authority.test(host)) throw invalid('/host', 'must be the name or address of this server');
      const [, scheme, target] = absoluteForm.exec(raw.url ?? '') ?? [];
      if (scheme !== undefined && target !== undefined && !isSameHost(scheme, target, host)) {
        throw invalid('/host', 'must be that of the request target');
      }
    });
  },
  { name: 'host' },
);

function isSameHost(scheme: string, one: string, other: string): boolean {
  const origin = originOfHost(scheme, one);
  return origin !== undefined && origin === originOfHost(scheme, other);
}
