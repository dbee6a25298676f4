"""The real membridge package, driven line by line: one JSON request per line on stdin, one JSON answer on stdout.

Values travel tagged, as in shared golden vectors: {"t": "i64", "v": "5"}, {"t": "f64", "bits": "..."}, {"t": "str", "v": "x"},
{"t": "bytes", "hex": "00"}, {"t": "bool", "v": true}, {"t": "none"}, {"t": "list", "items": [...]}.
"""
import json
import os
import struct
import sys
import time

import membridge

SHM = membridge.SharedMemory
things = {}


def enc(v):
    if v is None:
        return {"t": "none"}
    if isinstance(v, bool):
        return {"t": "bool", "v": v}
    if isinstance(v, int):
        return {"t": "i64", "v": str(v)}
    if isinstance(v, float):
        return {"t": "f64", "bits": struct.pack(">d", v).hex()}
    if isinstance(v, str):
        return {"t": "str", "v": v}
    if isinstance(v, (bytes, bytearray)):
        return {"t": "bytes", "hex": bytes(v).hex()}
    return {"t": "list", "items": [enc(x) for x in v]}


def dec(v):
    t = v["t"]
    if t == "none":
        return None
    if t == "i64":
        return int(v["v"])
    if t == "f64":
        return struct.unpack(">d", bytes.fromhex(v["bits"]))[0]
    if t == "bytes":
        return bytes.fromhex(v["hex"])
    if t == "list":
        return [dec(x) for x in v["items"]]
    return v["v"]


def schema(list_of_pairs):
    return [tuple(pair) for pair in list_of_pairs]


# ---- the package's demos, each as one request

def demo_single(name):
    """One process: two views of one handle, with cursors of their own."""
    m = SHM.create(name, 1024)
    w, r = m.map(), m.map()
    for x in ("Hello", 42, 3.14, True):
        w.write(x)
    out = [r.read("str"), r.read("int"), r.read("float"), r.read("bool")]
    w.write_mixed([["a", "b", "c"], [1.0, 2.0, 3.0], [True, False, True]])
    out.append(r.read_mixed([("str", 3), ("float", 3), ("bool", 3)]))
    w.zero()
    out.append(r.read_range(0, 4))
    return out


def demo_view_producer(name):
    try:
        SHM.remove(name)
    except OSError:
        pass
    view = things["demo"] = SHM.create(name, 4096).map()
    for x in ("Hello from producer!", 42, 3.14, True):
        view.write(x)
    view.write_mixed([["Hello", "from", "producer"], [0.92, 0.87, 0.95], [True, False, True]])
    return view.tell()


def demo_view_consumer(name):
    view = SHM.open(name, 4096).map()
    out = [view.read("str"), view.read("int"), view.read("float"), view.read("bool")]
    out.append(view.read_mixed([("str", 3), ("float", 3), ("bool", 3)]))
    SHM.remove(name)
    return out


def demo_ring_producer(name):
    ring = things["demo"] = SHM.create(name, 1024 + 24).spsc()

    def send(x):
        while not ring.push(x):
            time.sleep(0.01)
    for i in range(4):
        send("msg-%d" % i)
        time.sleep(0.05)
    send([1.0, 2.0, 3.0])
    send(["Hello", 0.92, True])
    send("__EOF__")


def demo_ring_consumer(name):
    while True:
        try:
            ring = SHM.open(name).spsc()
            break
        except BaseException:
            time.sleep(0.01)

    def take(f):
        while True:
            x = f()
            if x is not None:
                return x
            time.sleep(0.01)
    out = [take(lambda: ring.pop("str")) for _ in range(4)]
    out.append(take(lambda: ring.pop_mixed([("float", 3)])))
    out.append(take(lambda: ring.pop_mixed([("str", 1), ("float", 1), ("bool", 1)])))
    out.append(take(lambda: ring.pop("str")))
    SHM.remove(name)
    return out


# ---- long-running work, for tests of waiting

def going_on(name):
    """Without end while an object of that name is there. Says when the first round is over."""
    yield
    print(json.dumps("going on"), flush=True)
    while os.path.exists("/dev/shm" + name):
        yield


def read_while(name, there):
    """Reads the whole view without a pause. Gives how many times, and how many reads were torn."""
    view = SHM.open(name).map()
    n = torn = 0
    for _ in going_on(there):
        b = view.read_all()
        n += 1
        if b.count(b[0]) != len(b):
            torn += 1
    return [n, torn]


def write_while(name, there, byte):
    view = SHM.open(name).map()
    data = bytes([byte]) * view.size()
    n = 0
    for _ in going_on(there):
        view.write(data, 0)
        n += 1
    return n


def stream(name, count):
    """Sends `count` numbered messages."""
    ring = SHM.open(name).spsc()
    for i in range(count):
        m = [i, bytes([i % 256]) * (i % 50)]
        while not ring.push(m):
            os.sched_yield()  # the other side may need this very processor


def drain(name, count):
    """Takes `count` numbered messages; gives how many were wrong."""
    ring = SHM.open(name).spsc()
    wrong = 0
    for i in range(count):
        while True:
            m = ring.pop()
            if m is not None:
                break
            os.sched_yield()
        if m != struct.pack("<q", i) + bytes([i % 256]) * (i % 50):
            wrong += 1
    return wrong


FUNCTIONS = (demo_single, demo_view_producer, demo_view_consumer, demo_ring_producer, demo_ring_consumer, read_while, write_while, stream, drain)
CALLS = {f.__name__: f for f in FUNCTIONS}


def one(request):
    op = request["op"]
    if op in CALLS:
        return CALLS[op](*request["args"])
    if op == "create":
        things[request["as"]] = SHM.create(request["name"], request["size"])
    elif op == "open":
        things[request["as"]] = SHM.open(request["name"])
    elif op == "remove":
        SHM.remove(request["name"])
    elif op in ("map", "spsc"):
        things[request["as"]] = getattr(things[request["on"]], op)()
    elif op == "drop":
        things.pop(request["on"], None)
    else:
        args = []
        for a in request.get("args", []):
            args.append(dec(a) if isinstance(a, dict) else schema(a) if isinstance(a, list) else a)
        return getattr(things[request["on"]], op)(*args)


def answer(request):
    try:
        return {"ok": enc(one(request))}
    except BaseException as e:
        return {"error": type(e).__name__, "message": str(e)}


for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps([answer(r) for r in request] if isinstance(request, list) else answer(request)), flush=True)
