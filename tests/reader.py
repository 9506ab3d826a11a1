#!/usr/bin/env python3
"""reader - reads a Holdfast vault without Holdfast; written from docs/FORMAT.md alone.

  reader.py --vault DIR --passphrase-file FILE list
  reader.py --vault DIR --passphrase-file FILE restore STORE [SEQ] --to DIR
  reader.py --vault DIR --passphrase-file FILE rescue STORE --to DIR
  reader.py --vault DIR --passphrase-file FILE verify

It needs Python 3.8, libsodium and libzstd. DIR is a local copy of the vault. It holds whole packs and
bodies in memory and is slow; it is meant to be read, and to prove that the description is complete.
Exit status: 0 done, 1 damaged or not found, 2 usage.
"""

import argparse
import ctypes
import ctypes.util
import hashlib
import io
import json
import os
import re
import stat
import struct
import sys
import tarfile

FRAME_MAX = 256 << 10
BLOCK = 256 << 10
ZERO32 = bytes(32)


class Damaged(Exception):
    pass


def need(condition, *why):
    if not condition:
        raise Damaged(" ".join(str(w) for w in why))


# ---- primitives ------------------------------------------------------------------------------------

def library(file, name):
    try:
        return ctypes.CDLL(file)
    except OSError:
        return ctypes.CDLL(ctypes.util.find_library(name) or file)


sodium = library("libsodium.so.23", "sodium")
zstd = library("libzstd.so.1", "zstd")
need(sodium.sodium_init() >= 0, "libsodium does not start")
zstd.ZSTD_decompress.restype = ctypes.c_size_t


def ull(n):
    return ctypes.c_ulonglong(n)


def blake(label, data=b"", size=32, key=b""):
    """BLAKE2b with the label as personalisation."""
    return hashlib.blake2b(data, digest_size=size, key=key, person=label.encode()).digest()


def signed_by(pk, label, data, signature):
    digest = blake(label, data, 64)
    return sodium.crypto_sign_verify_detached(signature, digest, ull(64), pk) == 0


def sign_public(seed):
    pk, sk = ctypes.create_string_buffer(32), ctypes.create_string_buffer(64)
    sodium.crypto_sign_seed_keypair(pk, sk, seed)
    return pk.raw


def x25519(sk, pk):
    out = ctypes.create_string_buffer(32)
    need(sodium.crypto_scalarmult(out, sk, pk) == 0, "a public key is a low-order point")
    return out.raw


def x25519_public(sk):
    out = ctypes.create_string_buffer(32)
    sodium.crypto_scalarmult_base(out, sk)
    return out.raw


def poly1305(key, data):
    out = ctypes.create_string_buffer(16)
    sodium.crypto_onetimeauth_poly1305(out, data, ull(len(data)), key)
    return out.raw


def argon2id(passphrase, salt, ops, mem_bytes):
    out = ctypes.create_string_buffer(32)
    rc = sodium.crypto_pwhash(out, ull(32), passphrase, ull(len(passphrase)), salt, ull(ops),
                              ctypes.c_size_t(mem_bytes), ctypes.c_int(2))
    need(rc == 0, "not enough memory for Argon2id")
    return out.raw


def aead(name, key, nonce, sealed, aad, what):
    need(len(sealed) >= 16, what, "is cut off")
    out = ctypes.create_string_buffer(max(1, len(sealed) - 16))
    decrypt = getattr(sodium, "crypto_aead_%s_ietf_decrypt" % name)
    rc = decrypt(out, None, None, sealed, ull(len(sealed)), aad, ull(len(aad)), nonce, key)
    need(rc == 0, what, "fails authentication")
    return out.raw[:len(sealed) - 16]


def unseal(key, sealed, aad, what):
    """nonce 24 | XChaCha20-Poly1305"""
    return aead("xchacha20poly1305", key, sealed[:24], sealed[24:], aad, what)


def inflate(data, size, what):
    out = ctypes.create_string_buffer(max(1, size))
    n = zstd.ZSTD_decompress(out, ctypes.c_size_t(size), data, ctypes.c_size_t(len(data)))
    need(n == size, what, "does not decompress to its recorded length")
    return out.raw[:size]


# ---- encodings -------------------------------------------------------------------------------------

class Cursor:
    """Takes integers and byte strings off the front of a buffer."""

    def __init__(self, data, what):
        self.data, self.at, self.what = data, 0, what

    def take(self, n):
        need(n <= len(self.data) - self.at, self.what, "is cut off")
        self.at += n
        return self.data[self.at - n:self.at]

    def le(self, size):
        return int.from_bytes(self.take(size), "little")

    def varint(self, most):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            need(shift == 0 or byte, self.what, "holds a varint that is not the shortest")
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                need(value <= most, self.what, "holds a number out of bounds")
                return value
            need(shift < 70, self.what, "holds a varint that is too long")

    def counted(self, most):
        return self.take(self.varint(most))

    def end(self):
        need(self.at == len(self.data), self.what, "has bytes behind its end")


def canonical(value):
    text = json.dumps(value, sort_keys=True, separators=(",", ":")).replace("\\u007f", "\x7f")
    upper = re.sub(r"\\(u[0-9a-f]{4}|.)", lambda m: m[0][:2] + m[0][2:].upper(), text)
    return upper.encode()


def parse_json(data, what):
    def refuse(_):
        raise ValueError
    try:
        value = json.loads(data.decode("ascii"), parse_float=refuse, parse_constant=refuse)
    except ValueError:
        raise Damaged(what + " is not JSON") from None
    need(isinstance(value, dict) and canonical(value) == data, what, "is not canonical JSON")
    return value


def member(entry, name, kind, what):
    value = entry.get(name)
    need(isinstance(value, kind) and not isinstance(value, bool), what, "lacks", name)
    need(kind is not int or value >= 0, what, "has a wrong", name)
    return value


def hex_member(entry, name, size, what):
    text = member(entry, name, str, what)
    need(re.fullmatch("[0-9a-f]{%d}" % (2 * size), text), what, "has a malformed", name)
    return bytes.fromhex(text)


def signed_lines(data, what):
    """JSON, TAB, signature in hex, LF: yields (line, JSON bytes, signature)."""
    while data:
        end = data.find(b"\n") + 1
        line, data = data[:end], data[end:]
        match = re.fullmatch(rb"([^\t\n]+)\t([0-9a-f]{128})\n", line)
        need(match and end <= 65536, what, "is not a signed line")
        yield line, match[1], bytes.fromhex(match[2].decode())


# ---- the vault: anchor, charter, recovery secret ---------------------------------------------------

class Vault:
    def __init__(self, folder):
        self.folder = folder
        self.read_anchor()
        self.read_charter()

    def get(self, name):
        try:
            with open(os.path.join(self.folder, name), "rb") as f:
                return f.read()
        except FileNotFoundError:
            raise Damaged(name + " is absent") from None

    def list(self, prefix):
        path = os.path.join(self.folder, prefix)
        return sorted(os.listdir(path)) if os.path.isdir(path) else []

    def read_anchor(self):
        lines = list(signed_lines(self.get("vault.json"), "vault.json"))
        need(len(lines) == 1, "vault.json is not one line")
        _, text, signature = lines[0]
        self.anchor = parse_json(text, "vault.json")
        need(member(self.anchor, "format", int, "vault.json") <= 1, "the vault has a newer format")
        need(self.anchor.get("kind") == "anchor", "vault.json is no anchor")
        self.id = hex_member(self.anchor, "vault", 16, "vault.json")
        self.root = hex_member(self.anchor, "root", 32, "vault.json")
        need(signed_by(self.root, "hf1.charter", text, signature), "vault.json: bad signature")

    def read_charter(self):
        names = [n for n in self.list("charter") if re.fullmatch(r"\d{8,18}", n)]
        need(names, "the charter is missing")
        name = max(names, key=int)
        data = self.get("charter/" + name)
        self.keys, self.charter_hashes = {}, {}
        before, length = ZERO32, 0
        for n, (line, text, signature) in enumerate(signed_lines(data, "charter"), 1):
            what = "charter entry %d" % n
            entry = parse_json(text, what)
            self.read_entry(entry, n, before, text, signature, what)
            before, length = blake("hf1.line", line), length + len(line)
            self.charter_hashes[n] = blake("hf1.charter", data[:length])
        need(len(self.charter_hashes) == int(name), "charter", name, "has another length")

    def read_entry(self, entry, n, before, text, signature, what):
        signer = entry.get("signer")
        admin = self.keys.get(signer, {})
        pk = self.root if signer == "root" else admin.get("record") if "admin" in admin.get("roles", ()) else None
        need(entry.get("n") == n and hex_member(entry, "prev", 32, what) == before, what, "is not linked")
        need(pk and signed_by(pk, "hf1.charter", text, signature), what, "has a bad signature")
        kind = member(entry, "kind", str, what)
        need((kind == "vault") == (n == 1), what, "is misplaced")
        if kind == "vault":
            need(entry.get("format", 2) <= 1, "the charter has a newer format")
            need(signer == "root" and entry.get("vault") == self.id.hex(), what, "is of another vault")
            need(entry.get("root") == self.root.hex(), what, "names another root")
            self.recovery = hex_member(entry, "recovery", 32, what)
        elif kind == "enroll":
            key = {k: hex_member(entry, k, 32, what) for k in ("record", "log", "report", "box")}
            key.update(name=member(entry, "name", str, what), roles=member(entry, "roles", list, what))
            need(entry.get("key") == blake("hf1.keyid", key["record"], 16).hex(), what, "has a wrong id")
            need(entry["key"] not in self.keys and key["roles"], what, "enrols twice, or to nothing")
            need("admin" not in key["roles"] or signer == "root", what, "makes an admin without root")
            self.keys[entry["key"]] = key
        else:
            need("critical" not in entry, what, "needs a newer reader")

    def unlock(self, passphrase):
        words = b"-".join(re.findall(rb"[a-z]+", passphrase.lower()))
        for name in self.list("slots"):
            slot = self.get("slots/" + name)
            for text in (passphrase, words):
                plain = open_slot(slot, text)
                if plain:
                    return self.take(plain)
        raise Damaged("no slot opens with this passphrase")

    def take(self, plain):
        seed, self.psk = plain[:32], plain[32:64]
        self.recovery_sk = blake("hf1.recovery", key=seed)
        need(plain[64:80] == self.id, "the slot is of another vault")
        need(sign_public(blake("hf1.root", key=seed)) == self.root, "vault.json names another root key")
        need(x25519_public(self.recovery_sk) == self.recovery, "the charter names another recovery key")

    def stores(self):
        """Every store with a key sealed to recovery: Store objects by (writer, store)."""
        found = {}
        for writer in self.list("keys"):
            for store in self.list("keys/" + writer):
                for name in self.list("keys/%s/%s" % (writer, store)):
                    match = re.fullmatch(r"(\d{8,10})-([0-9a-f]{32})", name)
                    if match and match[2] == blake("hf1.kid", self.recovery, 16).hex():
                        s = found.setdefault((writer, store), Store(self, writer, store))
                        s.add_epoch(int(match[1]), "keys/%s/%s/%s" % (writer, store, name))
        return list(found.values())


def open_slot(slot, passphrase):
    """The slot's 112 bytes, or None if the passphrase is another one."""
    need(len(slot) == 220 and slot[:8] == b"HFSLOT1\0", "not a slot")
    version, reserved, ops, kib = struct.unpack_from("<HHII", slot, 8)
    need(version == 1 and reserved == 0, "the slot is newer than this reader")
    need(1 <= ops <= 16 and 8192 <= kib <= 2 << 20, "the slot's cost is out of bounds")
    okm = blake("hf1.slot", slot[:36], 64, argon2id(passphrase, slot[20:36], ops, kib << 10))
    if okm[32:] != slot[36:68]:
        return None
    return unseal(okm[:32], slot[68:], slot[:68], "slot")


def open_stanza(stanza, sk, psk, context, what):
    pk = x25519_public(sk)
    need(stanza[:4] == b"\x01\x01\x84\x00", what, "has a stanza of an unknown kind")
    need(stanza[4:20] == blake("hf1.kid", pk, 16), what, "is sealed to another key")
    epk = stanza[20:52]
    okm = blake("hf1.seal", x25519(sk, epk) + epk + pk + blake("hf1.ctx", context), 64, psk)
    need(okm[32:] == stanza[52:84], what, "has a wrong commitment in its stanza")
    return aead("chacha20poly1305", okm[:32], bytes(12), stanza[84:132], stanza[:84], what)


# ---- a store: epochs, snapshots --------------------------------------------------------------------

class Store:
    def __init__(self, vault, writer, store):
        self.vault, self.writer, self.store = vault, writer, store
        self.folder = "%s/%s/" % (writer, store)
        self.epochs, self.name = {}, None

    def add_epoch(self, epoch, object_name):
        data = self.vault.get(object_name)
        writer = self.vault.keys.get(self.writer)
        need(writer, object_name, "is by nobody the charter knows")
        need(268 + 64 <= len(data) <= 1024 and data[:8] == b"HFSKEY1\0", object_name, "is not a key")
        need(any(signed_by(pk, "hf1.storekey", data[:-64], data[-64:]) for pk in (writer["record"], self.vault.root)),
             object_name, "has a bad signature")
        place = self.vault.id + bytes.fromhex(self.writer + self.store) + struct.pack("<I", epoch)
        need(data[8:60] == place, object_name, "belongs to another place")
        size, = struct.unpack_from("<I", data, 224)
        need(size == len(data) - 64 - 228, object_name, "has a wrong length")
        key = open_stanza(data[92:224], self.vault.recovery_sk, self.vault.psk, data[:92], object_name)
        plain = Cursor(unseal(key, data[228:-64], data[:228], object_name), object_name)
        sk = plain.take(32)
        name = plain.counted(200).decode("utf-8", "surrogateescape")
        need(not any(plain.data[plain.at:]), object_name, "has bytes behind its name")
        need(x25519_public(sk) == data[60:92], object_name, "holds a secret of another key")
        self.epochs[epoch] = sk
        if epoch == max(self.epochs):
            self.name = name

    def session_key(self, session, epoch, stanza, what):
        need(epoch in self.epochs, what, "is sealed to an epoch whose key is gone")
        context = self.vault.id + bytes.fromhex(self.store) + session + struct.pack("<I", epoch)
        return open_stanza(stanza, self.epochs[epoch], self.vault.psk, context, what)

    def snapshots(self):
        return [int(n) for n in self.vault.list(self.folder + "snapshots")]

    def packs(self):
        return self.vault.list(self.folder + "packs")

    def pack(self, id_hex, size=None):
        data = self.vault.get(self.folder + "packs/" + id_hex)
        need(hashlib.blake2b(data, digest_size=32).hexdigest() == id_hex, "pack", id_hex, "is damaged")
        need(size in (None, len(data)), "pack", id_hex, "has another size than its snapshot says")
        return Pack(self, data, "pack " + id_hex)


class Snapshot:
    def __init__(self, store, seq):
        self.store = store
        what = self.what = "snapshot %s %d" % (store.name, seq)
        data = Cursor(store.vault.get("%ssnapshots/%08d" % (store.folder, seq)), what)
        need(data.take(8) == b"HFSNAP1\0", what, "is no snapshot")
        head_len, body_len = data.le(4), data.le(4)
        need(head_len <= 64 << 20 and body_len <= 1 << 30, what, "has lengths out of bounds")
        text, signature, self.body = data.take(head_len), data.take(64), data.take(body_len)
        data.end()
        self.hash = blake("hf1.head", text)
        self.head = head = parse_json(text, what)
        need(member(head, "format", int, what) <= 1, what, "has a newer format")
        place = (store.vault.id.hex(), store.writer, store.store, seq)
        need(tuple(head.get(k) for k in ("vault", "writer", "store", "seq")) == place, what, "belongs elsewhere")
        key = store.vault.keys.get(store.writer, {"roles": ()})
        need("writer" in key["roles"], what, "is by nobody the charter lets write")
        need(signed_by(key["record"], "hf1.snapshot", text, signature), what, "has a bad signature")
        need(blake("hf1.body", self.body) == hex_member(head, "body", 32, what), what, "has another body")
        charter = store.vault.charter_hashes.get(member(head, "charter_n", int, what))
        need(charter == hex_member(head, "charter", 32, what), what, "was made under another charter")
        self.prev = hex_member(head, "prev", 32, what)
        self.packs = [(i, s) for i, s in member(head, "packs", list, what)]
        self.open_body()

    def open_body(self):
        head, body, what = self.head, self.body, self.what
        session, epoch = hex_member(head, "session", 16, what), member(head, "epoch", int, what)
        need(len(body) >= 204 + 40, what, "has a body that is cut off")
        key = self.store.session_key(session, epoch, body[:132], what)
        place = self.store.vault.id + bytes.fromhex(self.store.store) + session
        place += struct.pack("<QI", head["seq"], epoch)
        okm = blake("hf1.bodykey", place + body[:164], 64, key)
        need(okm[32:] == body[164:196], what, "has a wrong commitment in its body")
        size, = struct.unpack_from("<Q", body, 196)
        need(size <= 1 << 30, what, "has a body that is too large for this reader")
        self.parse(Cursor(inflate(unseal(okm[:32], body[204:], body[:204], what), size, what), what))

    def parse(self, c):
        need(c.take(1) == b"\x01", self.what, "has a body of a newer version")
        page_key = c.take(32)
        self.tag_key, self.sum_key = (blake(label, key=page_key) for label in ("hf1.tag", "hf1.sum"))
        self.files = []
        while True:
            kind = c.take(1)[0]
            need(kind <= 1, self.what, "has a record of an unknown kind")
            if kind == 0:
                break
            self.files.append(self.parse_file(c))
        self.facts = c.counted(1 << 20).decode("ascii")
        c.end()

    def parse_file(self, c):
        f = {"number": c.varint(2**32 - 1), "path": os.fsdecode(c.counted(4096))}
        for name in ("mode", "uid", "gid"):
            f[name] = c.varint(2**32 - 1)
        f["mtime_ns"] = int.from_bytes(c.take(8), "little", signed=True)
        f["extra"] = c.counted(1 << 20)
        f["page"], f["length"], f["unit"] = c.varint(2**32 - 1), c.varint(1 << 56), c.varint(2**32 - 1)
        f["sum"], f["extents"] = c.take(32), []
        need(f["path"] and "\0" not in f["path"], self.what, "has a file without a name")
        check_units(f["page"], f["unit"], self.what)
        if f["page"] == 0 and f["length"] > 0:
            for _ in range(c.varint(1 << 26)):
                pack, length = c.varint(len(self.packs)), c.varint(2**32 - 1)
                frame, offset = (c.varint(65536), c.varint(FRAME_MAX)) if pack else (0, 0)
                need(length and (not pack or offset + length <= FRAME_MAX), self.what, "has a bad extent")
                f["extents"].append((pack, length, frame, offset))
            need(sum(e[1] for e in f["extents"]) == f["length"], self.what, "has extents of another length")
        return f

    def check_sum(self, f, read):
        """read(n) gives the file's next n bytes."""
        leaves, unit = [], f["unit"]
        for block in range(-(-f["length"] // BLOCK)):
            data = read(min(BLOCK, f["length"] - block * BLOCK))
            tags = b"".join(poly1305(self.tag_key, data[i:i + unit]) for i in range(0, len(data), unit))
            leaves.append(blake("hf1.leaf", struct.pack("<Q", block) + tags, key=self.sum_key))
        text = struct.pack("<III", f["number"], f["page"], unit) + b"".join(leaves)
        total = blake("hf1.sum", text + struct.pack("<Q", f["length"]), key=self.sum_key)
        need(total == f["sum"], self.what, "file", f["path"], "does not have the sum that was recorded")


def check_units(page, unit, what):
    def power(v, low, high):
        return low <= v <= high and v & (v - 1) == 0
    if page == 0:
        need(unit == 65536, what, "has a stream of other units")
    else:
        need(power(page, 512, 65536) and power(unit, 256, page), what, "has odd page or unit sizes")


# ---- packs -----------------------------------------------------------------------------------------

class Pack:
    def __init__(self, store, data, what):
        need(len(data) >= 276 + 40 + 8, what, "is cut off")
        version, required, _, suite = struct.unpack_from("<HHHH", data, 8)
        need(data[:8] == b"HFPACK1\0", what, "is no pack")
        need((version, required, suite) == (1, 0, 1), what, "is newer than this reader")
        need(data[16:48] == store.vault.id + bytes.fromhex(store.store), what, "belongs elsewhere")
        self.seq, self.number, epoch = struct.unpack_from("<QII", data, 64)
        session_key = store.session_key(data[48:64], epoch, data[80:212], what)
        okm = blake("hf1.pack", data[:244], 64, session_key)
        need(okm[32:] == data[244:276], what, "has a wrong commitment")
        self.key, self.header_hash = okm[:32], blake("hf1.header", data[:276])
        self.data, self.what = data, what
        stored, plain = struct.unpack_from("<II", data, len(data) - 8)
        need(40 <= stored <= len(data) - 284 and plain <= 32 << 20, what, "has a bad tail")
        self.end = len(data) - 8 - stored
        text = self.unseal(2, 0x7fffffff, self.end, stored, 1, plain)
        self.parse(Cursor(text, what + " trailer"))

    def unseal(self, part, number, offset, stored, codec, plain):
        what = "%s frame %d" % (self.what, number)
        aad = bytes([part]) + self.header_hash + struct.pack("<IBI", number, codec, plain)
        data = unseal(self.key, self.data[offset:offset + stored], aad, what)
        if codec == 1:
            return inflate(data, plain, what)
        need(len(data) == plain, what, "has another length than recorded")
        return data

    def parse(self, c):
        need(c.take(1) == b"\x01", c.what, "is of a newer version")
        self.files = []
        for _ in range(c.varint(1 << 20)):
            f = dict(zip(("number", "page", "unit"), (c.varint(2**32 - 1) for _ in range(3))))
            f["length"], f["path"] = c.varint(2**56 - 1), os.fsdecode(c.counted(4096))
            need(f["page"] and f["path"], c.what, "has a file without pages or name")
            check_units(f["page"], f["unit"], c.what)
            self.files.append(f)
        self.frames, at, following = [], 276, [0] * len(self.files)
        for _ in range(c.varint(65536)):
            codec, stored, plain = c.take(1)[0], c.varint(16 << 20), c.varint(FRAME_MAX)
            runs = [self.parse_run(c, following) for _ in range(c.varint(1 << 21))]
            need(codec <= 1 and stored > 40 and plain > 0, c.what, "has a bad frame")
            need(not runs or plain == sum(r[3] for r in runs), c.what, "has a frame of another length")
            self.frames.append((at, stored, codec, plain, runs))
            at += stored
            need(at <= self.end, c.what, "has frames behind its beginning")
        self.zeros = [self.parse_run(c, None) for _ in range(c.varint(1 << 21))]
        c.end()
        need(not any(self.data[at:self.end]), c.what, "has padding that is not zero")

    def parse_run(self, c, following):
        """(file, first unit, units, bytes)"""
        index, first, count = c.varint(2**32 - 1), c.varint(2**64 - 1), c.varint(2**32 - 1)
        need(index < len(self.files), c.what, "has a run of an unknown file")
        f = self.files[index]
        if following is not None:
            first = following[index] + (first >> 1 ^ -(first & 1))
            following[index] = first + count
        units = -(-f["length"] // f["unit"])
        need(count > 0 and 0 <= first and first + count <= units, c.what, "has a run outside its file")
        return f, first, count, min(count * f["unit"], f["length"] - first * f["unit"])

    def frame(self, number):
        need(number < len(self.frames), self.what, "has no frame", number)
        at, stored, codec, plain, _ = self.frames[number]
        return self.unseal(1, number, at, stored, codec, plain)


# ---- putting files together ------------------------------------------------------------------------

def page_file(f, packs, out):
    """Write file f from packs, given newest first; returns the units that are in none of them."""
    unit, length = f["unit"], f["length"]
    wanted = set(range(-(-length // unit)))
    out.truncate(length)
    for pack in packs:
        if not wanted:
            break
        same = [p for p in pack.files if p["number"] == f["number"]]
        need(all((p["page"], p["unit"]) == (f["page"], unit) for p in same), pack.what, "has other units")
        for number in reversed(range(len(pack.frames))):
            plain, at = None, 0
            for file, first, count, size in pack.frames[number][4]:
                mine = wanted.intersection(range(first, first + count)) if file["number"] == f["number"] else ()
                for u in mine:
                    plain = plain or pack.frame(number)
                    begin, want = at + (u - first) * unit, min(unit, length - u * unit)
                    data = plain[begin:begin + want]
                    need(len(data) == want, pack.what, "has a unit that is too short")
                    out.seek(u * unit)
                    out.write(data)
                wanted.difference_update(mine)
                at += size
        for file, first, count, _ in pack.zeros:
            if file["number"] == f["number"]:
                wanted.difference_update(range(first, first + count))
    return len(wanted)


def stream_file(f, packs, out):
    """Write a content-defined file; packs in the head's order."""
    held = (None, None, b"")
    for pack, length, frame, offset in f["extents"]:
        if pack == 0:
            for at in range(0, length, BLOCK):
                out.write(bytes(min(BLOCK, length - at)))
            continue
        if held[:2] != (pack, frame):
            held = (pack, frame, packs[pack - 1].frame(frame))
        data = held[2][offset:offset + length]
        need(len(data) == length, packs[pack - 1].what, "has a frame that is too short")
        out.write(data)


def write_file(snapshot, f, packs, out):
    order = [(p.seq, p.number) for p in packs]
    need(order == sorted(set(order)), snapshot.what, "lists packs out of order")
    if f["page"]:
        missing = page_file(f, packs[::-1], out)
        need(missing == 0, snapshot.what, "file", f["path"], "lacks", missing, "units")
    else:
        stream_file(f, packs, out)
    out.seek(0)
    snapshot.check_sum(f, out.read)


def link_of(f):
    """(type, link name) as the pax header in the extra bytes says."""
    if not f["extra"]:
        return tarfile.REGTYPE, ""
    with tarfile.open(fileobj=io.BytesIO(f["extra"] + bytes(1024)), errors="surrogateescape") as tar:
        info = tar.next()
    need(info, f["path"], "has metadata that are no pax header")
    return info.type, info.linkname


def target(folder, path):
    need(not path.startswith("/") and ".." not in path.split("/"), path, "leads out of the folder")
    full = os.path.join(folder, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    return full


def restore_file(snapshot, f, packs, folder):
    full = target(folder, f["path"])
    kind, link = link_of(f)
    print("%06o %d:%d %d %s" % (f["mode"], f["uid"], f["gid"], f["length"], f["path"]))
    if kind == tarfile.LNKTYPE:
        os.link(target(folder, link), full)
    elif stat.S_ISLNK(f["mode"]):
        os.symlink(link, full)
    elif stat.S_ISDIR(f["mode"]):
        os.makedirs(full, exist_ok=True)
    elif stat.S_ISREG(f["mode"]) or not stat.S_IFMT(f["mode"]):
        with open(full, "w+b") as out:
            write_file(snapshot, f, packs, out)
        os.chmod(full, stat.S_IMODE(f["mode"]) or 0o600)


# ---- commands --------------------------------------------------------------------------------------

def find_store(vault, name):
    stores = [s for s in vault.stores() if name in (s.name, s.store)]
    need(len(stores) == 1, name, "is the name of", len(stores), "stores; take an id:",
         ", ".join("%s %s" % (s.store, s.name) for s in vault.stores()))
    return stores[0]


def do_list(vault):
    for store in vault.stores():
        print("%s  %s  by %s" % (store.store, store.name, vault.keys[store.writer]["name"]))
        for seq in store.snapshots():
            s = Snapshot(store, seq)
            print("  %d  %s  time %d  epoch %d  %d packs  %d files  %d bytes" % (
                seq, s.head["kind"], s.head["time"], s.head["epoch"], len(s.packs), len(s.files),
                sum(f["length"] for f in s.files)))


def do_restore(vault, name, seq, folder):
    store = find_store(vault, name)
    seqs = store.snapshots()
    need(seqs, name, "has no snapshots")
    snapshot = Snapshot(store, seq or seqs[-1])
    packs = [store.pack(i, size) for i, size in snapshot.packs]
    for f in snapshot.files:
        restore_file(snapshot, f, packs, folder)
    for f in reversed(snapshot.files):
        if stat.S_ISDIR(f["mode"]):
            os.chmod(target(folder, f["path"]), stat.S_IMODE(f["mode"]))


def do_rescue(vault, name, folder):
    store = find_store(vault, name)
    packs = []
    for i in store.packs():
        try:
            packs.append(store.pack(i))
        except Damaged as why:
            print("left out:", why, file=sys.stderr)
    packs.sort(key=lambda p: (p.seq, p.number), reverse=True)
    files, best = {}, {}
    for p in packs:
        for f in p.files:
            files.setdefault(f["number"], f)
    for f in sorted(files.values(), key=lambda f: -f["number"]):
        missing = page_file(f, packs, io.BytesIO(bytes(f["length"])))
        if f["path"] not in best or missing < best[f["path"]][0]:
            best[f["path"]] = missing, f
    for path, (missing, f) in best.items():
        with open(target(folder, path), "w+b") as out:
            page_file(f, packs, out)
        print("%s: %d units missing; nothing proves which moment this is" % (path, missing))


def verify_store(store, counts):
    """Every pack by its hash, every frame; every snapshot, its place in the chain, its sums."""
    packs, before = {}, None
    for i in store.packs():
        packs[i] = store.pack(i)
        for number in range(len(packs[i].frames)):
            packs[i].frame(number)
            counts["frames"] += 1
        counts["packs"] += 1
    for seq in store.snapshots():
        s = Snapshot(store, seq)
        need(not before or before.head["seq"] + 1 != seq or s.prev == before.hash, s.what,
             "does not follow the one before")
        before = s
        for i, size in s.packs:
            need(i in packs and len(packs[i].data) == size, s.what, "lacks pack", i)
        for f in s.files:
            write_file(s, f, [packs[i] for i, _ in s.packs], io.BytesIO(bytes(f["length"])))
            counts["sums"] += 1
        counts["snapshots"] += 1


def do_verify(vault):
    for name, text in (("FORMAT.md", "format_md"), ("RECOVERY.txt", "recovery_txt")):
        found = hashlib.blake2b(vault.get(name), digest_size=32).digest()
        need(found == hex_member(vault.anchor, text, 32, "vault.json"), name, "is not the one that was signed")
    counts = dict.fromkeys(("snapshots", "packs", "frames", "sums"), 0)
    for store in vault.stores():
        verify_store(store, counts)
    print("verified: " + ", ".join("%d %s" % (n, k) for k, n in counts.items()))


def main():
    parser = argparse.ArgumentParser(description="Read a Holdfast vault without Holdfast.")
    parser.add_argument("--vault", required=True, metavar="DIR")
    parser.add_argument("--passphrase-file", required=True, metavar="FILE")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list")
    commands.add_parser("verify")
    for name in ("restore", "rescue"):
        sub = commands.add_parser(name)
        sub.add_argument("store")
        if name == "restore":
            sub.add_argument("seq", nargs="?", type=int)
        sub.add_argument("--to", required=True, metavar="DIR")
    args = parser.parse_args()
    with open(args.passphrase_file, "rb") as f:
        passphrase = re.sub(rb"\r?\n?\Z", b"", f.read(), count=1)
    try:
        vault = Vault(args.vault)
        vault.unlock(passphrase)
        if args.command == "list":
            do_list(vault)
        elif args.command == "restore":
            do_restore(vault, args.store, args.seq, args.to)
        elif args.command == "rescue":
            do_rescue(vault, args.store, args.to)
        else:
            do_verify(vault)
    except Damaged as why:
        print("reader: %s" % why, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
