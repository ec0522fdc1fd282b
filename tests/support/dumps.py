# SPDX-License-Identifier: Apache-2.0
"""Backups written and read independently of the program: mongodump's folders and archives, Percona's stores, and the packings.

Only pymongo's bson is used. What is written is what mongodump and pbm write, byte for byte in their formats.
"""
import contextlib
import gzip
import json
import os
import struct

import bson
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.timestamp import Timestamp

MAGIC = b"\x6d\xe2\x99\x81"
END = b"\xff\xff\xff\xff"
LENIENT = CodecOptions(unicode_decode_error_handler="ignore", datetime_conversion=DatetimeConversion.DATETIME_MS)


def _table(poly):
    table = []
    for i in range(256):
        for _ in range(8):
            i = i >> 1 ^ poly if i & 1 else i >> 1
        table.append(i)
    return table


CRC64, CRC32C = _table(0xC96C5795D7870F42), _table(0x82F63B78)


def crc64(data, crc=0):
    crc ^= (1 << 64) - 1
    for b in data:
        crc = crc >> 8 ^ CRC64[(crc ^ b) & 255]
    return crc ^ (1 << 64) - 1


def crc32c(data):
    crc = (1 << 32) - 1
    for b in data:
        crc = crc >> 8 ^ CRC32C[(crc ^ b) & 255]
    return crc ^ (1 << 32) - 1


def signed(n):
    return n - (1 << 64) if n >= 1 << 63 else n


# ---- packings ----

def _literal(data):
    out = b""
    while data:
        part, data = data[:65536], data[65536:]
        n = len(part) - 1
        out += (bytes([n << 2]) if n < 60 else bytes([61 << 2]) + struct.pack("<H", n)) + part
    return out


def snappy_block(data, s2=False):
    """Literals, and copies of 4 to 64 bytes; in S2 what repeats the last distance is said so."""
    out, at, lit, seen, last = b"", 0, 0, {}, 0
    while at + 4 <= len(data):
        was = seen.get(data[at:at + 4])
        seen[data[at:at + 4]] = at
        if was is None or at - was > 65535:
            at += 1
            continue
        n = 4
        while n < 64 and at + n < len(data) and data[was + n] == data[at + n]:
            n += 1
        out += _literal(data[lit:at])
        if s2 and at - was == last and n <= 8:
            out += bytes([1 | (n - 4) << 2, 0])
        elif s2 and at - was == last:
            out += bytes([1 | 5 << 2, 0, n - 8])
        else:
            out += bytes([2 | (n - 1) << 2]) + struct.pack("<H", at - was)
        last = at - was
        at += n
        lit = at
    out += _literal(data[lit:])
    head, n = b"", len(data)
    while n >= 128:
        head += bytes([n & 127 | 128])
        n >>= 7
    return head + bytes([n]) + out


def framed(data, s2=False):
    out = b"\xff\x06\x00\x00" + (b"S2sTwO" if s2 else b"sNaPpY")
    size = 1 << 20 if s2 else 65536
    for i in range(0, len(data), size):
        part = data[i:i + size]
        c = crc32c(part)
        crc = struct.pack("<I", ((c >> 15 | c << 17) + 0xa282ead8) & 0xffffffff)
        body = crc + (snappy_block(part, s2) if i % (3 * size) != size else part)
        out += bytes([0 if i % (3 * size) != size else 1]) + struct.pack("<I", len(body))[:3] + body
        out += b"\xfe\x05\x00\x00pad.."  # what may be passed over
    return out


def _unpacked_block(p):
    """One block of snappy or S2; raises (IndexError, ValueError) where it is none."""
    size, shift, at = 0, 0, 0
    while True:
        size |= (p[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if p[at - 1] < 128:
            break
    out, last = bytearray(), 0
    while at < len(p):
        tag, at = p[at], at + 1
        if tag & 3 == 0:
            n = tag >> 2
            if n >= 60:
                n, at = int.from_bytes(p[at:at + n - 59], "little"), at + n - 59
            if at + n + 1 > len(p):
                raise ValueError("literal")
            out += p[at:at + n + 1]
            at += n + 1
            continue
        if tag & 3 == 1:
            n, offset, at = tag >> 2 & 7, (tag & 0xe0) << 3 | p[at], at + 1
            if not offset:
                offset = last
                if n >= 5:
                    n, at = (4, 256, 65536)[n - 5] + int.from_bytes(p[at:at + n - 4], "little"), at + n - 4
            n += 4
        else:
            w = 2 if tag & 3 == 2 else 4
            n, offset, at = (tag >> 2) + 1, int.from_bytes(p[at:at + w], "little"), at + w
        if not 0 < offset <= len(out) or at > len(p):
            raise ValueError("copy")
        last = offset
        for _ in range(n):
            out.append(out[-offset])
    if len(out) != size:
        raise ValueError("size")
    return bytes(out)


def unframed(data):
    """What is packed there; None where it is damaged."""
    out, at = b"", 0
    while at < len(data):
        kind, body = data[at], data[at + 4:at + 4 + int.from_bytes(data[at + 1:at + 4], "little")]
        if len(data) < at + 4 or len(body) < int.from_bytes(data[at + 1:at + 4], "little") or 1 < kind < 0x80 or (kind == 0xff and body not in (b"sNaPpY", b"S2sTwO")):
            return None
        if kind < 2:
            try:
                part = _unpacked_block(body[4:]) if kind == 0 else body[4:]
            except (IndexError, ValueError):
                return None
            c = crc32c(part)
            if body[:4] != struct.pack("<I", ((c >> 15 | c << 17) + 0xa282ead8) & 0xffffffff):
                return None
            out += part
        at += 4 + len(body)
    return out


PACKINGS = {"none": ("", lambda d: d), "gzip": (".gz", gzip.compress), "pgzip": (".gz", gzip.compress), "snappy": (".snappy", framed), "s2": (".s2", lambda d: framed(d, True) if d else b""),
            "lz4": (".lz4", lambda d: b"\x04\x22\x4d\x18" + d)}
with contextlib.suppress(ImportError):  # as these packers write them, where they are installed
    import lz4.frame
    PACKINGS["lz4"] = (".lz4", lz4.frame.compress)
with contextlib.suppress(ImportError):
    import snappy
    PACKINGS["python-snappy"] = (".snappy", lambda d: snappy.StreamCompressor().add_chunk(d))
with contextlib.suppress(ImportError):
    import zstandard
    PACKINGS["zstd"] = (".zst", zstandard.ZstdCompressor().compress)


# ---- what a collection has ----

def metadata(name, indexes=(), options=None, kind=None):
    all_indexes = [] if kind == "view" else [{"v": {"$numberInt": "2"}, "key": {"_id": {"$numberInt": "1"}}, "name": "_id_"}, *indexes]
    out = {"indexes": all_indexes, "uuid": "" if kind == "view" else "0123456789abcdef0123456789abcdef", "collectionName": name}
    if options is not None:
        out = dict({"options": options}, **out)
    if kind:
        out["type"] = kind
    return json.dumps(out, separators=(",", ":"))


class Collection:
    def __init__(self, db, name, documents=(), indexes=(), options=None, kind=None):
        self.db, self.name, self.kind = db, name, kind
        self.documents = [d if isinstance(d, bytes) else bson.encode(d) for d in documents]
        self.metadata = metadata(name, indexes, options if options is not None else {}, kind)
        self.data_name = "system.buckets." + name if kind == "timeseries" else name

    @property
    def data(self):
        return b"".join(self.documents)


def entry(second, ordinal, ns="shop.orders", **more):
    return bson.encode(dict({"ts": Timestamp(second, ordinal), "t": 1, "v": 2, "op": "i", "ns": ns, "o": {"_id": second * 1000 + ordinal}}, **more))


def oplog(begin, n, each=1):
    return [entry(begin + i * each, 1) for i in range(n)]


# ---- mongodump ----

def escape(name):
    return "".join(c if c.isalnum() or c in "-_.~$&+=:@" else "".join("%%%02X" % b for b in c.encode()) for c in name)


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)
    return path


def folder(path, collections, entries=None, packed=False, prelude=True):
    pack, end = (gzip.compress, ".gz") if packed else (lambda d: d, "")
    for c in collections:
        if c.kind != "view":
            write(os.path.join(path, c.db, escape(c.data_name) + ".bson" + end), pack(c.data))
        write(os.path.join(path, c.db, escape(c.name) + ".metadata.json" + end), pack(c.metadata.encode()))
    if entries is not None:
        write(os.path.join(path, "oplog.bson" + end), pack(b"".join(entries)))
    if prelude:
        write(os.path.join(path, "prelude.json" + end), pack(b'{"ServerVersion":"7.0.14","ToolVersion":"100.12.0"}'))
    return path


def archive_blocks(collections, entries=None, per_block=7):
    """The archive as its parts: the prelude, then each block; blocks of different namespaces by turns."""
    streams = [(c.db, c.data_name, c.documents) for c in collections] + ([("", "oplog", entries)] if entries is not None else [])
    prelude = MAGIC + bson.encode({"concurrent_collections": 4, "version": "0.1", "server_version": "7.0.14", "tool_version": "100.12.0"})
    for c in collections:
        prelude += bson.encode({"db": c.db, "collection": c.name, "metadata": c.metadata, "size": 0, "type": c.kind or "collection"})
    if entries is not None:
        prelude += bson.encode({"db": "", "collection": "oplog", "metadata": "", "size": 0, "type": ""})
    parts, left = [prelude + END], [(db, name, list(documents), crc64(b"".join(documents))) for db, name, documents in streams]
    while left:
        for stream in list(left):
            db, name, documents, crc = stream
            if documents:
                some, documents[:] = documents[:per_block], documents[per_block:]
                parts.append(bson.encode({"db": db, "collection": name, "EOF": False, "CRC": bson.int64.Int64(0)}) + b"".join(some) + END)
            else:
                parts.append(bson.encode({"db": db, "collection": name, "EOF": True, "CRC": bson.int64.Int64(signed(crc))}) + END)
                left.remove(stream)
    return parts


def documents_of(data):
    """The documents of a stream, split by their lengths and decoded by pymongo; raises where that fails."""
    at = 0
    while at < len(data):
        n = struct.unpack_from("<i", data, at)[0]
        if n < 5 or at + n > len(data):
            raise ValueError("length")
        bson.decode(data[at:at + n], LENIENT)
        yield data[at:at + n]
        at += n


def read_archive(data):
    """What a restore would bring back: {namespace: documents}, [prelude]. Raises where mongorestore would stop."""
    if data[:4] != MAGIC:
        raise ValueError("magic")
    at, prelude, out, open_, closed = 4, [], {}, None, set()

    def take():
        nonlocal at
        n = struct.unpack_from("<i", data, at)[0]
        if n == -1:
            at += 4
            return None
        if n < 5 or at + n > len(data):
            raise ValueError("length")
        raw = data[at:at + n]
        bson.decode(raw, LENIENT)
        at += n
        return raw
    while (raw := take()) is not None:
        prelude.append(raw)
    names = {"%s.%s" % (bson.decode(p)["db"], bson.decode(p)["collection"]): bson.decode(p).get("type") for p in prelude[1:]}
    while at < len(data):
        raw = take()
        if raw is None:
            raise ValueError("block")
        head = bson.decode(raw)
        ns = "%s.%s" % (head["db"], head["collection"])
        if ns in closed:
            raise ValueError("closed")
        logical = ns.replace(".system.buckets.", ".", 1)
        if ns not in names and names.get(logical) != "timeseries":
            raise ValueError("unknown")
        got = out.setdefault(ns, [])
        while (raw := take()) is not None:
            if head["EOF"]:
                raise ValueError("after the end")
            got.append(raw)
        if head["EOF"]:
            closed.add(ns)
            if signed(crc64(b"".join(got))) != head["CRC"]:
                raise ValueError("crc")
    if set(out) - closed:
        raise ValueError("unfinished")
    for ns, kind in names.items():
        if kind != "timeseries" and ns not in closed:
            raise ValueError("missing")
    return out, prelude


# ---- Percona Backup for MongoDB ----

def stamp(ts):
    import time
    return time.strftime("%Y%m%d%H%M%S", time.gmtime(ts[0])) + "-%d" % ts[1]


def pbm_json(name, sets, first, last, **more):
    out = {"type": "logical", "opid": "0" * 24, "name": name, "replsets": sets, "compression": "none", "store": {"type": "filesystem"}, "mongodb_version": "7.0.14-8", "fcv": "7.0",
           "start_ts": first[0], "last_transition_ts": last[0], "first_write_ts": {"T": first[0], "I": first[1]}, "last_write_ts": {"T": last[0], "I": last[1]}, "status": "done",
           "pbm_version": "2.5.0"}
    out.update(more)
    return json.dumps(out, indent="\t").encode()


def pbm_set(name, first, last, **more):
    return dict({"name": name, "status": "done", "start_ts": first[0], "first_write_ts": {"T": first[0], "I": first[1]}, "last_write_ts": {"T": last[0], "I": last[1]}}, **more)


def pbm_logical(store, name, sets, first, last, packing="none", **more):
    """sets: {set: collections}. As since 2.0: a file a collection, a folder of oplog slices."""
    end, pack = PACKINGS[packing]
    all_sets = []
    for rs, collections in sets.items():
        base = os.path.join(store, name, rs)
        spaces = []
        for c in collections:
            spaces.append({"db": c.db, "collection": c.name, "metadata": c.metadata, "size": {"$numberLong": str(len(c.data))}, "type": c.kind or "collection",
                           "crc": {"$numberLong": str(signed(crc64(c.data)))}})
            if c.data:
                write(os.path.join(base, "%s.%s%s" % (c.db, c.name, end)), pack(c.data))
        write(os.path.join(base, "metadata.json"), json.dumps({"concurrent_collections": {"$numberInt": "1"}, "version": "0.1", "server_version": "7.0.14", "tool_version": "",
                                                              "namespaces": spaces}).encode())
        write(os.path.join(base, "oplog", "%s.%s%s" % (stamp(first), stamp(last), end)), pack(b"".join([entry(*first), entry(*last)])))
        all_sets.append(pbm_set(rs, first, last, backup_name="%s/%s/metadata.json" % (name, rs), oplog_name="%s/%s/oplog" % (name, rs)))
    write(os.path.join(store, ".pbm.init"), b"2.5.0")
    return write(os.path.join(store, name + ".pbm.json"), pbm_json(name, all_sets, first, last, compression=packing.replace("python-", ""), **more))


def pbm_specs(store, name, rs, collections, packing="none"):
    """The same set as newer versions write it: meta.pbm instead of metadata.json, buckets as a collection beside their series."""
    def parsed(c):
        return json.loads(c.metadata, object_hook=lambda o: int(o["$numberInt"]) if set(o) == {"$numberInt"} else o)
    specs = []
    for c in collections:
        about = parsed(c)
        crc, size = bson.int64.Int64(signed(crc64(c.data))), bson.int64.Int64(len(c.data))
        spec = {"db": c.db, "name": c.name, "type": c.kind or "collection", "options": about.get("options", {}), "indexes": about["indexes"], "crc": crc, "size": size}
        if c.kind == "timeseries":
            specs.append(dict(spec, name="system.buckets." + c.name, type="collection", uuid="ab" * 16))
            spec.update(crc=bson.int64.Int64(0), size=bson.int64.Int64(0))
        specs.append(spec if c.kind == "view" else dict(spec, uuid="cd" * 16))
    os.remove(os.path.join(store, name, rs, "metadata.json"))
    write(os.path.join(store, name, rs, "meta.pbm"), bson.encode({"version": "2.12.0", "serverVersion": "8.0.4", "fcv": "8.0", "specifications": specs}))
    meta = os.path.join(store, name + ".pbm.json")
    with open(meta) as f:
        text = f.read().replace("%s/%s/metadata.json" % (name, rs), "%s/%s/meta.pbm" % (name, rs))
    write(meta, text.encode())


def pbm_slice(store, rs, begin, end, packing="none", entries=None):
    tail, pack = PACKINGS[packing]
    entries = entries if entries is not None else [entry(*begin), entry(*end)]
    day = stamp(begin)[:8]
    return write(os.path.join(store, "pbmPitr", rs, day, "%s.%s.oplog%s" % (stamp(begin), stamp(end), tail)), pack(b"".join(entries)))


def pbm_physical(store, name, first, last, files, packing="none", source=None, listed=True, encrypted=None):
    """files: [(name, bytes, offset, length)]; offset and length -1: not changed since the source."""
    end, pack = PACKINGS[packing]
    rows = []
    for file, data, offset, length in files:
        stored = 0
        if length >= 0:
            path = os.path.join(store, name, "rs0", file + end + (".%d-%d" % (offset, length) if length else ""))
            stored = len(pack(data))
            write(path, pack(data))
        rows.append({"filename": file, "offset": offset, "length": length, "fileSize": len(data), "stgSize": stored, "fmode": 384})
    more = {"type": "incremental" if source is not None else "physical", "compression": packing}
    if source:
        more["src_backup"] = source
    rs = pbm_set("rs0", first, last, **({"mongod_opts": {"security": {"enableEncryption": encrypted}}} if encrypted is not None else {}))
    if listed:
        write(os.path.join(store, name, "rs0", "filelist.pbm"), b"".join(bson.encode(dict(r, offset=bson.int64.Int64(r["offset"]), length=bson.int64.Int64(r["length"]))) for r in rows))
    else:
        rs["files"] = rows
    write(os.path.join(store, ".pbm.init"), b"2.5.0")
    return write(os.path.join(store, name + ".pbm.json"), pbm_json(name, [rs], first, last, **more))
