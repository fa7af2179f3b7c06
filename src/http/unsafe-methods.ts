// Which requests change something (RFC 9110, 9.2.1).

import type { RouteOptions } from 'fastify';

const safeMethods = ['GET', 'HEAD', 'OPTIONS'];

export function isUnsafe(method: string): boolean {
  return !safeMethods.includes(method);
}

export function methodsOf({ method }: Pick<RouteOptions, 'method'>): string[] {
  return Array.isArray(method) ? method : [method];
}
