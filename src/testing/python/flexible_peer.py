"""A peer of memlane/flexible for the interop tests: one JSON command per line in, one JSON answer per line out.

    python3 flexible_peer.py          an implementation of its own, from the layout, with nothing but the standard library
    python3 flexible_peer.py --real   the package flexible_shared_memory from the folder in MEMLANE_FSM

Both write and read in the order of the 0.1.1 package: begin, data, end.
"""
import array
import json
import mmap
import os
import re
import struct
import sys
import time

SIZES = {"float": ("<d", 8), "int": ("<i", 4), "bool": ("<?", 1)}
CODES = {"float32": "f", "float64": "d", "int8": "b", "int16": "h", "int32": "i", "int64": "q",
         "uint8": "B", "uint16": "H", "uint32": "I", "uint64": "Q", "bool": "B"}
TRUNCATED, UNWRITTEN, MODIFIED = 1, 2, 4


def align8(n):
    return (n + 7) // 8 * 8


def flatten(value):
    if isinstance(value, list):
        for item in value:
            yield from flatten(item)
    else:
        yield value


class Field:
    def __init__(self, name, annotation):
        self.name, self.annotation = name, annotation
        match = re.fullmatch(r"(\w+)(?:\[([\d,]+)\])?", annotation)
        self.kind, sizes = match.groups()
        if sizes is None:
            self.form, self.size = SIZES[self.kind]
        elif self.kind == "str":
            self.limit = int(sizes)
            self.size = 4 + 4 * self.limit
        else:
            self.shape = [int(s) for s in sizes.split(",")]
            self.count = 1
            for s in self.shape:
                self.count *= s
            self.size = self.count * struct.calcsize("<" + CODES[self.kind])


class Own:
    """The format, from its description."""

    def __init__(self, name, fields, slots, create):
        self.slots = slots
        self.fields = [Field(*f) for f in fields]
        offset = align8(8 + len(self.fields))
        for f in self.fields:
            f.offset = offset
            offset += f.size
        self.slot_size = align8(offset + 8)
        self.first = 24 if slots > 1 else 0
        size = self.first + slots * self.slot_size
        flags = os.O_RDWR | (os.O_CREAT | os.O_EXCL if create else 0)
        fd = os.open("/dev/shm/" + name, flags, 0o600)
        if create:
            os.ftruncate(fd, size)
        self.map = mmap.mmap(fd, size)
        os.close(fd)
        if create:
            for slot in range(slots):
                at = self.at(slot) + 8
                self.map[at:at + len(self.fields)] = bytes([UNWRITTEN]) * len(self.fields)
        self.staged = {}

    def at(self, slot):
        return self.first + slot * self.slot_size

    def u64(self, at):
        return struct.unpack_from("<Q", self.map, at)[0]

    def write(self, values):
        if self.slots > 1:
            self.staged.update(values)
        else:
            self.write_slot(0, values)

    def finalize(self):
        written, read, count = (self.u64(at) for at in (0, 8, 16))
        self.write_slot(written % self.slots, self.staged)
        self.staged = {}
        written += 1
        if count < self.slots:
            count += 1
        else:
            read += 1
        struct.pack_into("<QQQ", self.map, 0, written, read, count)

    def write_slot(self, slot, values):
        at = self.at(slot)
        sequence = self.u64(at) + 1
        struct.pack_into("<Q", self.map, at, sequence)
        for i, f in enumerate(self.fields):
            status = self.map[at + 8 + i] & ~MODIFIED
            if f.name in values:
                cut = self.store(f, at + f.offset, values[f.name])
                status = (status & ~(UNWRITTEN | TRUNCATED)) | MODIFIED | (TRUNCATED if cut else 0)
            self.map[at + 8 + i] = status
        struct.pack_into("<Q", self.map, at + self.slot_size - 8, sequence)

    def store(self, f, at, value):
        if f.kind in SIZES:
            struct.pack_into(f.form, self.map, at, value)
            return False
        if f.kind == "str":
            data = value[:f.limit].encode()
            struct.pack_into("<I", self.map, at, len(data))
            self.map[at + 4:at + 4 + len(data)] = data
            return len(value) > f.limit
        if not isinstance(value, array.array):
            value = array.array(CODES[f.kind], list(flatten(value)))
        data = value.tobytes()
        self.map[at:at + f.size] = data[:f.size].ljust(f.size, b"\0")
        return len(data) != f.size

    def read(self, latest=False):
        if self.slots == 1:
            return self.read_slot(0)
        written, read, count = (self.u64(at) for at in (0, 8, 16))
        if count == 0:
            return None
        if latest and count > 1:
            read, count = written - 1, 1
        got = self.read_slot(read % self.slots)
        if got is not None:
            struct.pack_into("<QQQ", self.map, 0, written, read + 1, count - 1)
        return got

    def read_slot(self, slot):
        at = self.at(slot)
        begin = self.u64(at)
        got = {}
        for i, f in enumerate(self.fields):
            got[f.name] = [self.load(f, at + f.offset), self.map[at + 8 + i]]
        return got if self.u64(at + self.slot_size - 8) == begin else None

    def load(self, f, at):
        if f.kind in SIZES:
            return struct.unpack_from(f.form, self.map, at)[0]
        if f.kind == "str":
            length = struct.unpack_from("<I", self.map, at)[0]
            return self.map[at + 4:at + 4 + length].decode(errors="ignore")
        return list(struct.unpack_from("<%d%s" % (f.count, CODES[f.kind]), self.map, at))

    # The same without making lists, for the busy writer.
    def read_frame(self):
        begin = self.u64(0)
        first = self.load(self.fields[0], self.fields[0].offset)
        at = self.fields[1].offset
        data = self.map[at:at + self.fields[1].size]
        last = self.load(self.fields[2], self.fields[2].offset)
        return (first, data, last) if self.u64(self.slot_size - 8) == begin else None

    def frame(self, n):
        return array.array("i", [n]) * self.fields[1].count

    def close(self):
        self.map.close()


class Real:
    """The package itself."""

    def __init__(self, name, fields, slots, create):
        import dataclasses
        from multiprocessing import resource_tracker
        sys.path.insert(0, os.environ["MEMLANE_FSM"])
        import flexible_shared_memory
        import numpy
        self.numpy = numpy
        scalars = {"float": float, "int": int, "bool": bool}
        self.cls = dataclasses.make_dataclass("Record", [(n, scalars.get(t, t)) for n, t in fields])
        self.memory = flexible_shared_memory.SharedMemory(self.cls, name=name, slots=slots, create=create)
        # Before Python 3.13 the tracker of a process that only opened a segment removes it at exit.
        resource_tracker.unregister("/" + name, "shared_memory")
        self.fields = [Field(*f) for f in fields]

    def write(self, values):
        self.memory.write(**values)

    def finalize(self):
        self.memory.finalize()

    def read(self, latest=False):
        got = self.memory.read(timeout=0, latest=latest)
        if got is None:
            return None
        out = {}
        for f in self.fields:
            w = getattr(got, f.name)
            value = w.value.flatten().tolist() if hasattr(w.value, "flatten") else w.value
            out[f.name] = [value, (TRUNCATED if w.truncated else 0) | (UNWRITTEN if w.unwritten else 0) | (MODIFIED if w.modified else 0)]
        return out

    def read_frame(self):
        got = self.memory.read(timeout=0)
        return None if got is None else (got.first.value, got.data.value.tobytes(), got.last.value)

    def frame(self, n):
        return self.numpy.full(self.fields[1].count, n, dtype="int32")

    def close(self):
        self.memory.close()


def busy_writer(peer, seconds):
    """Writes whole frames without a pause; one at least, however late it is when it begins."""
    end = time.monotonic() + seconds
    n = 0
    while n == 0 or time.monotonic() < end:
        n += 1
        peer.write({"first": n, "data": peer.frame(n), "last": n})
    return {"written": n}


def watch(peer, seconds):
    """Reads frames without a pause; every element of every accepted one is compared."""
    end = time.monotonic() + seconds
    good = torn = refused = 0
    while time.monotonic() < end:
        got = peer.read_frame()
        if got is None:
            refused += 1
        elif got[0] == got[2] and got[1] == struct.pack("<i", got[0]) * peer.fields[1].count:
            good += 1
        else:
            torn += 1
    return {"good": good, "torn": torn, "refused": refused}


def main():
    kind = Real if "--real" in sys.argv else Own
    peer = None
    for line in sys.stdin:
        command = json.loads(line)
        op = command["op"]
        answer = None
        if op == "open":
            peer = kind(command["name"], command["fields"], command["slots"], command["create"])
        elif op == "write":
            peer.write(command["values"])
        elif op == "finalize":
            peer.finalize()
        elif op == "read":
            answer = peer.read(command.get("latest", False))
        elif op == "busyWriter":
            answer = busy_writer(peer, command["seconds"])
        elif op == "watch":
            print(json.dumps("watching"), flush=True)
            answer = watch(peer, command["seconds"])
        elif op == "close":
            peer.close()
        print(json.dumps(answer), flush=True)


main()
