// How to mend what the check of the way finds, for each that often stands in between. docs/proxies.md has the same rows.

export type Fault = 'held' | 'compressed' | 'cut' | 'old';

export interface Mending {
  /** As the page of the documents calls it. */
  heading: string;
  /** What in between, and what to do there; what stands in backquotes is to be written as it is. */
  rows: ReadonlyArray<readonly [where: string, what: string]>;
}

export const mendings: Record<Fault, Mending> = {
  held: {
    heading: 'Events are held back',
    rows: [
      ['nginx', 'take out `proxy_ignore_headers X-Accel-Buffering`, or say `proxy_buffering off`'],
      ['Apache', 'take the filter `BUFFER` (mod_buffer) off the path; mod_proxy_http itself holds nothing back'],
      ['HAProxy', '`option http-no-delay`; without it each event is held 0.2 s'],
      ['Caddy', '`flush_interval -1` in `reverse_proxy`, and no `response_buffers` there'],
      ['Cloudflare', 'a configuration rule that sets response body buffering to none'],
      ['Fly', 'its proxy holds nothing back: look at what else runs in the machine, and at what stands before Fly'],
    ],
  },
  compressed: {
    heading: 'Events are compressed',
    rows: [
      ['nginx', 'leave `text/event-stream` and `*` out of `gzip_types`'],
      [
        'Apache',
        '`AddOutputFilterByType DEFLATE` without `text/event-stream`, or `SetEnvIf Request_URI "events$" no-gzip`',
      ],
      ['HAProxy', 'leave `text/event-stream` out of `compression type`'],
      ['Caddy', '`encode` with a `match` that leaves `text/event-stream` out'],
      ['Cloudflare', 'a compression rule that compresses nothing of `text/event-stream`'],
      ['Fly', '`compress = false` below `[http_service.http_options]`'],
    ],
  },
  cut: {
    heading: 'Silence is ended',
    rows: [
      ['nginx', '`proxy_read_timeout 60s`'],
      ['Apache', '`timeout=60` behind the address in `ProxyPass`'],
      ['HAProxy', '`timeout client 60s` and `timeout server 60s`'],
      ['Caddy', 'no `read_timeout` below `transport http`'],
      ['Cloudflare', 'waits far longer than a heartbeat: look at what stands behind it'],
      ['Fly', '`idle_timeout = 60` below `[http_service.http_options]`'],
    ],
  },
  old: {
    heading: 'HTTP/1.1 instead of HTTP/2',
    rows: [
      ['nginx', '`listen 443 ssl` and `http2 on`; before 1.25.1 `listen 443 ssl http2`'],
      ['Apache', '`Protocols h2 http/1.1`, with the module `http2` and TLS'],
      ['HAProxy', '`bind :443 ssl crt … alpn h2,http/1.1`'],
      ['Caddy', 'has it as soon as the site has a name, and so a certificate'],
      ['Cloudflare', 'has it for `https:`'],
      ['Fly', 'has it for `https:`'],
    ],
  },
};
