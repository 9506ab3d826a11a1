#!/usr/bin/env python3
"""recorder - a web server that writes down what it is sent.

recorder.py FOLDER: listens on a free port of 127.0.0.1 (FOLDER/port) until FOLDER/stop exists, and
appends a JSON line to FOLDER/log for each request. It answers with the status in FOLDER/answer, or 200.
With FOLDER/tls.pem (key and certificate) it speaks TLS.
"""
import http.server
import json
import pathlib
import ssl
import sys

folder = pathlib.Path(sys.argv[1])


class Recorder(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        with open(folder / "log", "a") as log:
            log.write(json.dumps({"path": self.path, "type": self.headers["Content-Type"], "body": body}) + "\n")
        answer = folder / "answer"
        self.send_response(int(answer.read_text()) if answer.exists() else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Recorder)
server.timeout = 0.2
if (folder / "tls.pem").exists():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.pem")
    # the handshake fails where the certificate is refused: that is no end of the server
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
(folder / "port.new").write_text(str(server.server_port))
(folder / "port.new").rename(folder / "port")
while not (folder / "stop").exists():
    server.handle_request()
