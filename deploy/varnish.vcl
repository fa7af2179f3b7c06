# What each line is for: docs/proxies.md.
vcl 4.1;
import std;

backend node {
  .host = "127.0.0.1";
  .port = "3000";
  .connect_timeout = 2s;
  .first_byte_timeout = 60s;
  .between_bytes_timeout = 60s;
}

sub vcl_recv {
  # It has put the client's address into X-Forwarded-For already. TLS ends before it, if anywhere: whoever does that says so.
  set req.http.X-Forwarded-Host = req.http.Host;
  return (pass);
}

sub vcl_backend_error {
  if (bereq.method == "GET" && bereq.url ~ "^[^?]*/events(\?|$)" && bereq.http.Accept ~ "text/event-stream") {
    set beresp.status = 200;
    set beresp.http.Content-Type = "text/event-stream";
    set beresp.http.Cache-Control = "no-store";
    synthetic("retry:" + std.integer(real=std.random(3000, 12000)) + {"
event:close
data:{"reason":"busy","retry":true}

"});
    return (deliver);
  }
}
