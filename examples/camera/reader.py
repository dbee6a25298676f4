"""The same frames in Python: start the writer with --flexible, then

    python3 reader.py [name] [frames]

Uses the package flexible-shared-memory when it is installed, or when FLEXIBLE_SHARED_MEMORY names the folder that holds
it; else a few lines that read the same bytes.
"""
import mmap
import os
import struct
import sys
import time

NAME = (sys.argv[1] if len(sys.argv) > 1 else "cam0") + "_py"
FRAMES = int(sys.argv[2]) if len(sys.argv) > 2 else 120
HEIGHT, WIDTH = 480, 640
PATTERN = bytes(range(256)) * (WIDTH * 3 // 256 + 2)


def is_whole(image, frame):
    row = WIDTH * 3
    return all(image[y * row:(y + 1) * row] == PATTERN[(frame * 3 + y) & 255:][:row] for y in range(HEIGHT))


def with_package():
    sys.path.insert(0, os.environ.get("FLEXIBLE_SHARED_MEMORY", ""))
    from dataclasses import make_dataclass
    from multiprocessing import resource_tracker
    from flexible_shared_memory import SharedMemory

    Camera = make_dataclass("Camera", [("frame", int), ("sent", float), ("label", "str[32]"), ("image", "uint8[%d,%d,3]" % (HEIGHT, WIDTH))])
    memory = SharedMemory(Camera, name=NAME)
    # Before Python 3.13 a reader's exit would remove the segment.
    resource_tracker.unregister("/" + NAME, "shared_memory")

    def read():
        got = memory.read(timeout=0.1)
        if got is None or got.frame.unwritten:
            return None
        return got.frame.value, got.sent.value, got.label.value, got.image.value.tobytes()
    return "flexible_shared_memory", read


def with_bytes():
    # begin u64 | four status bytes, padded to 8 | frame i32 | sent f64 | label u32 + 128 bytes | image | padded to 8 | end u64
    fd = os.open("/dev/shm/" + NAME, os.O_RDONLY)
    memory = mmap.mmap(fd, 0, prot=mmap.PROT_READ)
    os.close(fd)

    def read():
        end = memory[-8:]  # end before begin: an equal pair means that nothing moved between
        frame, sent, length = struct.unpack_from("<idI", memory, 16)
        label = memory[32:32 + min(length, 128)].decode(errors="ignore")
        image = memory[160:160 + HEIGHT * WIDTH * 3]
        return (frame, sent, label, image) if memory[:8] == end and end != bytes(8) else None
    return "bytes", read


try:
    how, read = with_package()
except ImportError:
    how, read = with_bytes()

seen, torn, ages, last = 0, 0, [], 0
deadline = time.monotonic() + 30
while seen < FRAMES and time.monotonic() < deadline:
    got = read()
    if got is None or got[0] == last:
        time.sleep(0.001)
        continue
    last, sent, label, image = got
    ages.append(time.monotonic() * 1000 - sent)
    torn += not is_whole(image, last) or label != "frame %d" % last
    seen += 1
    deadline = time.monotonic() + 30

ages.sort()
print("%d frames by %s, %d torn; age in ms: p50 %.3f, most %.3f" % (seen, how, torn, ages[len(ages) // 2], ages[-1]) if ages else "no frames")
sys.exit(0 if seen == FRAMES and torn == 0 else 1)
