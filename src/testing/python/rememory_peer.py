"""The real rememory package, driven line by line: each line of stdin is a JSON object {"do": statements, "say": expression};
each line of stdout is {"ok": value} or {"error": class, "message": text}.

The statements see the package as `rememory`, and `tracked(name)` / `untrack(name)` for the resource tracker that removes
the names of what a process had open.
"""
import json
import multiprocessing
import os
import sys
import time
import warnings
from multiprocessing import resource_tracker

import posix_ipc
import rememory

warnings.simplefilter("ignore")


def untrack(name):
    """The recipe: what this process only reads is not to be removed when it exits."""
    resource_tracker.unregister("/" + name, "shared_memory")


def semaphore(name):
    return posix_ipc.Semaphore("/rememorydict_" + name)


# A Python that is started through a wrapper is started so again, for its resource tracker.
if os.environ.get("MEMLANE_PYTHON"):
    multiprocessing.set_executable(os.environ["MEMLANE_PYTHON"])

scope = {"rememory": rememory, "posix_ipc": posix_ipc, "untrack": untrack, "semaphore": semaphore, "os": os, "time": time}

for line in sys.stdin:
    request = json.loads(line)
    try:
        exec(request.get("do", ""), scope)
        answer = {"ok": eval(request.get("say", "None"), scope)}
        text = json.dumps(answer)
    except Exception as e:
        text = json.dumps({"error": type(e).__name__, "message": str(e)})
    print(text, flush=True)
