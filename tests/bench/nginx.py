"""nginx as a server that waits, where it and its echo module are installed; it measures nothing.

Its C does in a tenth of the time what a server in Python does, and what it does not take of the
machine's two cores is left to what is measured. One process, no file of the system's own
configuration. The paths, the record and the answers are those of tests/servers/file_server.py and
tests/servers/stub_supabase.py.
"""

from __future__ import annotations

import functools
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

TO_HAVE = "Debian: apt-get install nginx libnginx-mod-http-echo"
MODULE = "modules/ngx_http_echo_module.so"

CONFIGURATION = """
{module}
daemon off;
master_process off;
worker_processes 1;
pid {folder}/pid;
error_log stderr warn;
events {{ worker_connections 4000; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 100000000;
  keepalive_timeout 1h;
  reset_timedout_connection on;
  open_file_cache max=5000;
  client_max_body_size 0;
  client_body_buffer_size 1m;
  client_body_temp_path {folder}/bodies;
  proxy_temp_path {folder}/proxied;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  types {{ image/jpeg jpg; text/html html; }}
  charset utf-8;
  log_format requests escape=json
    '{{"until": $msec, "took": $request_time, "path": "$request_uri", "status": $status}}';
  log_format uploads escape=json
    '{{"path": "$request_uri", "body": "$request_body_file", "content_type": "$content_type"}}';
{server}
}}
"""

DEALERS = """
  server {{
    listen 0.0.0.0:{port} backlog=511;
    access_log {log};
    root {files};
    location ~ ^/wait-(?<wait_s>[0-9.]+)/ {{ echo_sleep $wait_s; echo_exec @file; }}
    location /stall/ {{ echo_sleep 3600; echo ""; }}
    location / {{ rewrite ^.*/([^/]*)$ /$1 break; }}
    location @file {{ rewrite ^.*/([^/]*)$ /$1 break; }}
  }}
"""

STORAGE = """
  upstream stub {{ server 127.0.0.1:{stub}; keepalive 16; }}
  server {{
    listen 127.0.0.1:{port} backlog=511;
    location /storage/v1/object/ {{
      access_log {log} uploads;
      client_body_in_file_only on;
      default_type application/json;
      echo_read_request_body;
      {wait}
      echo '{{"Id": "$request_id", "Key": "$request_uri"}}';
    }}
    location / {{
      proxy_pass http://stub;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }}
  }}
"""


@functools.cache
def name() -> str | None:
    """`nginx 1.22.1 with its echo module`; None where it cannot be had."""
    if _module() is None:
        return None
    told = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=False).stderr
    return f"{told.strip().rpartition(' ')[2].replace('/', ' ')} with its echo module"


@functools.cache
def _module() -> str | None:
    """The line that loads the echo module, empty where it is built in; None: there is none."""
    if shutil.which("nginx") is None:
        return None
    built = subprocess.run(["nginx", "-V"], capture_output=True, text=True, check=False).stderr
    found = re.search(r"--modules-path=(\S+)", built)
    loaded = f"load_module {found[1]}/ngx_http_echo_module.so;" if found else ""
    ways = {loaded, f"load_module {MODULE};", ""}
    return next((way for way in sorted(ways, key=len, reverse=True) if _works(way)), None)


def _works(module: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        server = "server { location / { echo_sleep 0.01; echo a; } }"
        command = command_for(Path(folder), server, module=module)
        return subprocess.run([*command, "-t"], capture_output=True, check=False).returncode == 0


def command_for(folder: Path, server: str, *, module: str | None = None) -> list[str]:
    """How to start it with this server, with all that it writes in the folder."""
    text = CONFIGURATION.format(
        folder=folder, server=server, module=_module() if module is None else module
    )
    (folder / "nginx.conf").write_text(text)
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def dealers(folder: Path, *, port: int, files: Path, log: Path | None) -> list[str]:
    """The command of a dealers' server."""
    written = "off" if log is None else f"{log} requests"
    return command_for(folder, DEALERS.format(port=port, files=files, log=written))


def storage(folder: Path, *, port: int, stub: int, latency_s: float) -> list[str]:
    """The command of a storage that keeps each upload in a file and asks `stub` the rest."""
    wait = f"echo_sleep {latency_s:.3f};" if latency_s else ""
    log = folder / "uploads"
    return command_for(folder, STORAGE.format(port=port, stub=stub, wait=wait, log=log))


def uploads(folder: Path) -> list[dict[str, str]]:
    """What arrived at such a storage: `path`, `body` (a file) and `content_type` of each."""
    log = folder / "uploads"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
