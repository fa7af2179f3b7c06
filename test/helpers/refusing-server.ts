// What answers as a PostgreSQL does that lets nobody in.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import type { Teardown } from './teardown.ts';

const TLS_HANDSHAKE = 22;
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

/** A key and a certificate that nobody vouches for, for `db.example`. */
export function makeCertificate(t: Teardown): { key: Buffer; cert: Buffer; file: string } {
  const folder = mkdtempSync(join(tmpdir(), 'teamboard-certificate-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const [key, file] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', '/CN=db.example', '-addext', 'subjectAltName=DNS:db.example'];
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-days', '2', '-nodes'];
  execFileSync('openssl', ['req', '-x509', ...made, '-keyout', key, '-out', file, ...subject], { stdio: 'ignore' });
  return { key: readFileSync(key), cert: readFileSync(file), file };
}

export interface Refusal {
  /** What it says to whoever wants to come in: SQLSTATE and message. */
  error: [code: string, message: string];
  /** Default: it has no TLS. */
  certificate?: { key: Buffer; cert: Buffer };
}

/** @returns its port on 127.0.0.1; it is closed with the test */
export async function startRefusingServer(t: Teardown, { error, certificate }: Refusal): Promise<number> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', (first) => {
      // TLS that nobody has asked for, to a server before PostgreSQL 17.
      if (first[0] === TLS_HANDSHAKE) return socket.destroy();
      if (!SSL_REQUEST.equals(first)) return refuse(socket, error);
      socket.write(certificate ? 'S' : 'N');
      if (!certificate) return;
      const secure = new tls.TLSSocket(socket, { isServer: true, ...certificate });
      secure.on('error', () => {});
      secure.once('data', () => refuse(secure, error));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as net.AddressInfo).port;
}

function refuse(socket: net.Socket, [code, message]: [string, string]): void {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`);
  const head = Buffer.from('E\0\0\0\0');
  head.writeInt32BE(fields.length + 4, 1);
  socket.end(Buffer.concat([head, fields]));
}
