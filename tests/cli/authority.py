#!/usr/bin/env python3
"""authority - a timestamp authority: openssl ts behind a small web server.

authority.py FOLDER: makes a CA and a key of its own (FOLDER/tsa-ca.pem), listens on a free port of
127.0.0.1 (FOLDER/port) until FOLDER/stop exists, and writes every query to FOLDER/query. FOLDER/mode
says how it answers: nothing or "good"; "nonce" and "imprint" (to another question, of something
else), "refused", "cut" (half an answer that says to be whole), "short" (the connection ends early),
"long" (more than anybody wants), "forged" (signed below another CA), "junk", or a status such as 503.
"""
import http.server
import os
import pathlib
import subprocess
import sys

folder = pathlib.Path(sys.argv[1])
CONF = """[tsa]
default_tsa = t
[t]
serial = ./tsa.serial
signer_cert = ./tsa.pem
signer_key = ./tsa.key
certs = ./tsa-ca.pem
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
[ext]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
"""
KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes".split()


def openssl(*args, where):
    return subprocess.run(["openssl", *args], cwd=where, check=True, capture_output=True).stdout


def make(where):
    where.mkdir(exist_ok=True)
    (where / "tsa.cnf").write_text(CONF)
    openssl("req", "-x509", *KEY, "-days", "3650", "-subj", "/CN=test ca", "-keyout", "ca.key", "-out",
            "tsa-ca.pem", where=where)
    openssl("req", "-new", *KEY, "-subj", "/CN=test tsa", "-keyout", "tsa.key", "-out", "tsa.csr", where=where)
    openssl("x509", "-req", "-in", "tsa.csr", "-CA", "tsa-ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "3600", "-extfile", "tsa.cnf", "-extensions", "ext", "-out", "tsa.pem", where=where)
    (where / "tsa.serial").write_text("01")


def stamp(query, where):
    (where / "query").write_bytes(query)
    return openssl("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query", where=where)


def changed(query, at):
    return query[:at] + bytes([query[at] ^ 1]) + query[at + 1:]


def answer(mode, query):
    if mode == "nonce":
        return stamp(changed(query, -4), folder)
    if mode == "imprint":
        return stamp(changed(query, 24), folder)
    if mode == "refused":
        return bytes.fromhex("30053003020102")
    if mode == "junk":
        return b"<html>It works!</html>"
    if mode == "forged":
        return stamp(query, folder / "other")
    whole = stamp(query, folder)
    if mode == "cut":
        return whole[:len(whole) // 2]
    return whole + bytes(1 << 20) if mode == "long" else whole


class Authority(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        query = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        mode = (folder / "mode").read_text().strip() if (folder / "mode").exists() else "good"
        if self.headers["Content-Type"] != "application/timestamp-query":
            mode = "415"
        body = b"" if mode.isdigit() else answer(mode, query)
        self.send_response(int(mode) if mode.isdigit() else 200)
        self.send_header("Content-Type", "application/timestamp-reply")
        self.send_header("Content-Length", str(len(body) + (100 if mode == "short" else 0)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            pass    # nobody wanted so much

    def log_message(self, *args):
        pass


make(folder)
make(folder / "other")
server = http.server.HTTPServer(("127.0.0.1", 0), Authority)
server.timeout = 0.2
(folder / "port.new").write_text(str(server.server_port))
os.rename(folder / "port.new", folder / "port")
while not (folder / "stop").exists():
    server.handle_request()
