#!/usr/bin/env python3
"""Cuts the power of a file system on which papyra works, and compares what is left with what was acknowledged.

    tests/powercut.py [--cuts N] [--fs ext4,xfs,btrfs] [--seed N]     see --help

How a power cut is made. The image of the file system is one file in a small FUSE file system that this script
serves itself. A loop device lies on that file, so every write and every flush of the real ext4, XFS or Btrfs passes
through one thread here, which keeps a log of them. That log is the disk: cut at any place, it gives the disk as it
was at that moment, without stopping anybody, and as many cuts as one likes from one run. Writes after the last
flush were in the cache of the disk: a cut keeps all of them, none, the first ones, or any subset of their sectors.
This says more than a device-mapper snapshot, which keeps all of them, and needs no device mapper.

What was acknowledged. The thread reads the output of the workers too, before each request of the file system, and
writes acknowledgements into the same log. So whatever is acknowledged in front of a cut was acknowledged before it.
With `interval` a record counts only if it was acknowledged longer ago than the interval and --margin, since nothing
tells when the sync was done. Therefore the newest second of `interval` is not tested.

A violation is told as a story, with the image and all that was expected; --again DIR checks a kept image again.
"""

import argparse
import concurrent.futures
import ctypes
import errno
import fcntl
import itertools
import json
import mmap
import os
import random
import re
import select
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIBC = ctypes.CDLL(None, use_errno=True)
MEGABYTE = 1 << 20

# Name: size of the image in MiB, the command that formats it, and how it is mounted. XFS wants 300 MiB; the images
# are sparse. A copy of an XFS has the number of the original, hence `nouuid`.
FILE_SYSTEMS = {
    "ext4": (128, ["mkfs.ext4", "-q", "-F"], "noatime"),
    "xfs": (320, ["mkfs.xfs", "-q", "-f"], "noatime,nouuid"),
    "btrfs": (256, ["mkfs.btrfs", "-q", "-f"], "noatime"),
}

BATCH = 8  # records at most
RECORD = 400  # bytes at most, of a line
MAX_BYTES = 8000  # of a rotating file
INTERVAL = 20  # milliseconds
FLUSH_TIME = 0.001  # seconds that a flush takes, as on a real disk
TORN = b'{"kind": "event", "timest'  # what the harness appends, as a process would that dies while it writes


class CannotRun(Exception):
    """This machine lacks something; the text says what."""


LOST_FILE_SYSTEM = "file systems that could not be mounted after the cut"
#: The part of all cuts.
FEW = 0.005


class Violation(Exception):
    """A guarantee is broken."""


# --- The disk -------------------------------------------------------------------------------------------------------

HEADER = struct.Struct("<cBdQI")  # what, slot, time, offset or number, length of the data that follow
WRITE, FLUSH, ACKNOWLEDGED, REWRITTEN, STARTED = b"W", b"F", b"A", b"R", b"S"


def serve(fuse, image, log, slots):
    """Serves a file system that has one file, `disk`, until it is unmounted. Slot 0 is the control pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    LIBC.prctl(1, signal.SIGKILL)  # end with the parent
    size = os.path.getsize(image)
    disk = os.open(image, os.O_RDWR)
    buffer = bytearray(MEGABYTE + 8192)
    view = memoryview(buffer)
    log = open(log, "wb", buffering=MEGABYTE)
    slot_of = {descriptor: slot for slot, descriptor in enumerate(slots)}
    rest = {slot: b"" for slot in range(len(slots))}
    poll = select.poll()
    for descriptor in [fuse, *slots]:
        poll.register(descriptor, select.POLLIN)

    def note(what, slot=0, number=0, data=b""):
        log.write(HEADER.pack(what, slot, time.monotonic(), number, len(data)))
        log.write(data)

    def attributes(node):
        mode, length = (stat.S_IFDIR | 0o755, 0) if node == 1 else (stat.S_IFREG | 0o600, size)
        return struct.pack("<6Q10I", node, length, length // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)

    def listen(descriptor):
        slot = slot_of[descriptor]
        *lines, rest[slot] = (rest[slot] + os.read(descriptor, 65536)).split(b"\n")
        for line in lines:
            if line.isdigit():
                note(ACKNOWLEDGED, slot, int(line))
            elif line.endswith(b"true"):
                note(REWRITTEN, slot)
            elif line == b"started":
                note(STARTED)

    while True:
        ready = poll.poll()
        for descriptor, event in ready:
            if descriptor != fuse:
                listen(descriptor) if event & select.POLLIN else poll.unregister(descriptor)
        if not any(descriptor == fuse for descriptor, _ in ready):
            continue
        try:
            os.readv(fuse, [buffer])
        except OSError as error:
            if error.errno in (errno.EINTR, errno.ENOENT, errno.EAGAIN):
                continue
            break  # ENODEV: unmounted
        length, operation, unique, node = struct.unpack_from("<IIQQ", buffer)
        failure, answer = 0, b""
        if operation in (2, 36, 42):  # FORGET, INTERRUPT, BATCH_FORGET want no answer
            continue
        if operation == 16:  # WRITE
            _, offset, count = struct.unpack_from("<QQI", buffer, 40)
            data = view[80 : 80 + count]
            os.pwrite(disk, data, offset)
            note(WRITE, 0, offset, data)
            answer = struct.pack("<II", count, 0)
        elif operation == 20:  # FSYNC: a flush of the loop device
            time.sleep(FLUSH_TIME)
            note(FLUSH)
        elif operation == 15:  # READ
            _, offset, count = struct.unpack_from("<QQI", buffer, 40)
            answer = os.pread(disk, count, offset)
        elif operation == 26:  # INIT: version 7.31, writes of up to 1 MiB
            ahead = struct.unpack_from("<4I", buffer, 40)[2]
            flags = 1 << 22 | 1 << 5
            answer = struct.pack("<4IHHIIHHI7I", 7, 31, ahead, flags, 64, 48, MEGABYTE, 1, 256, 0, 0, *[0] * 7)
        elif operation == 1:  # LOOKUP
            if bytes(view[40 : length - 1]) == b"disk":
                answer = struct.pack("<4Q2I", 2, 0, 3600, 3600, 0, 0) + attributes(2)
            else:
                failure = errno.ENOENT
        elif operation in (3, 4):  # GETATTR, SETATTR
            answer = struct.pack("<QII", 3600, 0, 0) + attributes(node)
        elif operation in (14, 27):  # OPEN, OPENDIR: past the page cache
            answer = struct.pack("<QIi", 0, 1, 0)
        elif operation not in (18, 25, 29, 34, 38):  # RELEASE, FLUSH, RELEASEDIR, ACCESS, DESTROY
            failure = errno.ENOSYS
        os.writev(fuse, [struct.pack("<IiQ", 16 + len(answer), -failure, unique), answer])
    log.close()


class Recorder:
    """A disk that is written down. Mounts it, gives pipes for the output of workers, and unmounts it."""

    def __init__(self, place, fs, image, log):
        self.place, self.mounted = place, []
        pipes = [os.pipe() for _ in range(len(SCENARIOS) + 1)]
        self.slots = [write for _, write in pipes]
        fuse = os.open("/dev/fuse", os.O_RDWR)
        directory, self.root = (os.path.join(place, name) for name in ("fuse", "live"))
        for made in (directory, self.root):
            os.makedirs(made, exist_ok=True)
        options = f"fd={fuse},rootmode=40000,user_id=0,group_id=0".encode()
        if LIBC.mount(b"powercut", directory.encode(), b"fuse", 6, options):
            raise CannotRun(f"mounting a FUSE file system fails: {os.strerror(ctypes.get_errno())}")
        self.mounted.append(directory)
        reads = [read for read, _ in pipes]
        self.server = subprocess.Popen(
            [sys.executable, __file__, "--serve", str(fuse), image, log, *map(str, reads)],
            pass_fds=[fuse, *reads],
            stdin=subprocess.DEVNULL,
        )
        for descriptor in [fuse, *reads]:
            os.close(descriptor)
        try:
            mount(fs, os.path.join(directory, "disk"), self.root)
        except BaseException:
            self.close()
            raise
        self.mounted.append(self.root)

    def started(self):
        os.write(self.slots[0], b"started\n")

    def close(self):
        while self.mounted:
            unmount(self.mounted.pop())
        self.server.wait()
        for descriptor in self.slots:
            os.close(descriptor)
        self.slots = []


def mount(fs, image, directory):
    """Through a loop device that vanishes with the mount."""
    options = f"loop,{FILE_SYSTEMS[fs][2]}"
    done = subprocess.run(["mount", "-t", fs, "-o", options, image, directory], capture_output=True, text=True)
    if done.returncode:
        raise CannotRun(f"{fs} cannot be mounted: {done.stderr.strip()}")


def unmount(directory):
    for _ in range(50):
        done = subprocess.run(["umount", directory], capture_output=True, text=True)
        if done.returncode == 0:
            return
        time.sleep(0.1)
    subprocess.run(["umount", "--lazy", directory], check=False)
    raise RuntimeError(f"{directory} cannot be unmounted: {done.stderr.strip()}")


def copy(source, target):
    """Copies what a sparse file has."""
    with open(source, "rb") as old, open(target, "wb") as new:
        size = os.fstat(old.fileno()).st_size
        os.truncate(new.fileno(), size)
        start = 0
        while start < size:
            try:
                start = os.lseek(old.fileno(), start, os.SEEK_DATA)
            except OSError:
                break
            end = os.lseek(old.fileno(), start, os.SEEK_HOLE)
            os.lseek(new.fileno(), start, os.SEEK_SET)
            while start < end:
                start += os.sendfile(new.fileno(), old.fileno(), start, end - start)


class Log:
    """What a disk was told, and what was acknowledged meanwhile, in one order."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.events = []
        place, size = 0, len(self.data)
        while place < size:
            what, slot, moment, number, length = HEADER.unpack_from(self.data, place)
            place += HEADER.size
            self.events.append((what, slot, moment, number, place, length))
            place += length
        self.start = next((n for n, event in enumerate(self.events) if event[0] == STARTED), len(self.events))

    def close(self):
        self.data.close()

    def apply(self, image, indexes, keep=None):
        """Writes to an image what these events wrote; `keep` chooses sectors."""
        for index in indexes:
            what, _, _, offset, place, length = self.events[index]
            if what != WRITE:
                continue
            if keep is None:
                os.pwrite(image, self.data[place : place + length], offset)
                continue
            for at in range(0, length, keep.sector):
                if keep.one():
                    end = min(at + keep.sector, length)
                    os.pwrite(image, self.data[place + at : place + end], offset + at)


class Sectors:
    def __init__(self, dice):
        self.dice, self.sector, self.share = dice, dice.choice([512, 4096]), dice.choice([0.1, 0.5, 0.9])

    def one(self):
        return self.dice.random() < self.share


# --- The records ----------------------------------------------------------------------------------------------------

MASK = (1 << 64) - 1
NUMBER = re.compile(rb'"n": (\d{1,15}),')
LINES = {}


def line(number):
    """The same as `numbered::line` of the tests: a record that is known byte for byte by its number."""
    if number not in LINES:
        z = (number + 0x9E3779B97F4A7C15) & MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        filler = "é" * (((z ^ (z >> 31)) * 120) >> 64)
        text = f'{{"kind": "event", "timestamp": {1_763_700_000 + number}.5, "n": {number}, "text": "{filler}"}}'
        LINES[number] = text.encode()
    return LINES[number]


def number_of(text):
    found = NUMBER.search(text)
    number = int(found[1]) if found else None
    return number if number is not None and line(number) == text else None


# --- What works while the power fails -------------------------------------------------------------------------------


class Scenario:
    """A journal in a directory of its own, and who works on it."""

    def __init__(self, name, sync="always", max_files=0, helpers=(), by="worker", kept=0):
        self.name, self.sync, self.max_files, self.helpers, self.by = name, sync, max_files, helpers, by
        self.kept = kept  # so many records stay when a compaction is done
        self.drops = bool(max_files or kept)

    def path(self, root):
        return os.path.join(root, self.name, "j")

    def quarantine(self, root):
        return os.path.join(root, self.name, "quarantine")

    def url(self, root):
        if self.max_files:
            return f"rotating:{self.path(root)}?max_bytes={MAX_BYTES}&max_files={self.max_files}"
        return self.path(root)

    def target(self, root):
        return ["--store" if self.max_files else "--path", self.url(root)]

    def files(self, root):
        """The files of the journal, oldest first."""
        directory = os.path.join(root, self.name)
        numbers = [re.fullmatch(r"j(?:\.([1-9]\d*))?", name) for name in os.listdir(directory)]
        numbers = sorted((int(found[1] or 0) for found in numbers if found), reverse=True)
        return [os.path.join(directory, f"j.{number}" if number else "j") for number in numbers]


SCENARIOS = [
    Scenario("always", helpers=("recover", "tear")),
    Scenario("two-writers", helpers=("second",)),
    Scenario("interval", sync="interval", helpers=("recover", "tear")),
    Scenario("good-order", by="command"),
    Scenario("compacted", kept=100),
    Scenario("rotating", max_files=3, helpers=("recover", "tear")),
    Scenario("rotating-interval", sync="interval", max_files=3),
    Scenario("rotating-two-writers", max_files=3, helpers=("second", "recover")),
    Scenario("rotating-two", max_files=2, helpers=("recover",)),
    Scenario("rotating-one", max_files=1),
    # Even if a compaction has left little of the sealed files, one full file has more records than this.
    Scenario("rotating-compacted", max_files=3, kept=20),
    Scenario("checked", sync="never", helpers=("check",)),
]
SLOTS = {scenario.name: slot + 1 for slot, scenario in enumerate(SCENARIOS)}


class Work:
    """The processes and threads of one run."""

    def __init__(self, options, recorder, dice, scenarios, first):
        self.options, self.recorder, self.scenarios = options, recorder, scenarios
        self.processes, self.threads, self.stop = [], [], threading.Event()
        self.errors = open(os.path.join(recorder.place, "workers.log"), "w+b")
        for scenario in scenarios:
            self.begin(scenario, dice, first)

    def begin(self, scenario, dice, first):
        root = self.recorder.root
        url, batch = scenario.url(root), str(dice.randint(1, BATCH))
        # Nothing counts if `never` has acknowledged it. With --prove it does, and the checks must find that out.
        sync = "never" if self.options.prove else str(INTERVAL) if scenario.sync == "interval" else scenario.sync
        if scenario.by == "worker":
            slowly = scenario.sync != "always"
            worker = self.worker(scenario, "append", url, str(first), "10000000", "1" if slowly else batch, sync)
            if slowly:
                self.thread(self.slow_down, worker)
        else:
            self.thread(self.append_by_command, scenario, first)
        if "second" in scenario.helpers:
            self.worker(scenario, "append", url, str(first + SECOND), "10000000", batch, sync)
        if "recover" in scenario.helpers:
            self.worker(scenario, "recover", url, scenario.quarantine(root), "10000000")
        if scenario.kept:
            self.worker(scenario, "compact", url, str(scenario.kept), "10000000")
        if "tear" in scenario.helpers:
            self.thread(self.tear, scenario, random.Random(dice.random()))
        if "check" in scenario.helpers:
            self.thread(self.check, scenario)

    def worker(self, scenario, *arguments):
        output = self.recorder.slots[SLOTS[scenario.name]]
        program = [os.path.join(self.options.bin, "papyra-worker"), *arguments]
        ends_with_us = ["setpriv", "--pdeathsig", "KILL", "--", *program]
        process = subprocess.Popen(ends_with_us, stdin=subprocess.DEVNULL, stdout=output, stderr=self.errors)
        self.processes.append((program, process))
        return process

    def slow_down(self, process):
        """Without a sync a worker writes more than anybody wants to check."""
        while not self.stop.is_set() and process.poll() is None:
            process.send_signal(signal.SIGSTOP)
            self.stop.wait(0.03)
            process.send_signal(signal.SIGCONT)
            self.stop.wait(0.003)

    def thread(self, what, *arguments):
        self.threads.append(threading.Thread(target=what, args=arguments, daemon=True))
        self.threads[-1].start()

    def append_by_command(self, scenario, first):
        """A command that ends with 0 has synced, also with a long interval."""
        slot = self.recorder.slots[SLOTS[scenario.name]]
        program = [os.path.join(self.options.bin, "papyra"), "persistence", "append", "--quiet"]
        sync = "never" if self.options.prove else "interval:60000"
        program += [*scenario.target(self.recorder.root), "--sync", sync, "--batch", "5"]
        while not self.stop.is_set():
            lines = b"".join(line(number) + b"\n" for number in range(first, first + 20))
            done = subprocess.run(program, input=lines, stdout=subprocess.DEVNULL, stderr=self.errors, check=False)
            first += 20
            if done.returncode:
                self.errors.write(f"exit code {done.returncode} of {program}\n".encode())
                return
            os.write(slot, b"%d\n" % first)

    def check(self, scenario):
        program = [os.path.join(self.options.bin, "papyra"), "persistence", "startup-check", "--quiet"]
        while not self.stop.is_set():
            subprocess.run(program + scenario.target(self.recorder.root), stderr=subprocess.DEVNULL, check=False)

    def tear(self, scenario, dice):
        """Appends a torn line now and then, under the lock of the journal, so that recovery has something to do."""
        path = scenario.path(self.recorder.root)
        while not self.stop.wait(dice.uniform(0.02, 0.2)):
            try:
                file = os.open(path, os.O_WRONLY | os.O_APPEND)  # never creates the journal: rotation would object
            except FileNotFoundError:
                continue
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                if os.stat(path).st_ino == os.fstat(file).st_ino:
                    os.write(file, TORN)
            except FileNotFoundError:
                continue
            finally:
                os.close(file)

    def end(self):
        """Kills everybody; returns what had ended by itself, which is a violation."""
        self.stop.set()
        ended = [(program, process.poll()) for program, process in self.processes if process.poll() is not None]
        for _, process in self.processes:
            process.kill()
            process.wait()
        for thread in self.threads:
            thread.join()
        self.errors.seek(0)
        said = self.errors.read().decode(errors="replace")
        self.errors.close()
        if ended or "exit code" in said:
            raise Violation(f"a worker has ended without a fault: {ended}\n{said}")


SECOND = 100_000_000  # the numbers of a second writer begin here


class Session:
    """One run on one disk, and the power cuts in it."""

    def __init__(self, options, fs, place, dice, deck, before):
        self.options, self.fs, self.place, self.dice = options, fs, place, dice
        self.base, self.log_path = os.path.join(place, "base"), os.path.join(place, "log")
        if before is None:
            format_image(fs, self.base)
            if len(deck) < 2:
                deck[:] = dice.sample(SCENARIOS, len(SCENARIOS))
            self.scenarios = options.only or [deck.pop(), deck.pop()]
            self.history, self.first, self.generation = {}, 0, 1
        else:
            os.replace(before["image"], self.base)
            self.scenarios, self.history = before["scenarios"], before["acknowledged"]
            self.first, self.generation = before["first"], before["generation"] + 1

    def record(self):
        live = os.path.join(self.place, "image")
        copy(self.base, live)
        recorder = Recorder(self.place, self.fs, live, self.log_path)
        try:
            for scenario in self.scenarios:
                os.makedirs(os.path.join(recorder.root, scenario.name), exist_ok=True)
            if self.generation == 1:
                directory = os.open(recorder.root, os.O_RDONLY)
                LIBC.syncfs(directory)
                os.close(directory)
                time.sleep(0.05)
            recorder.started()
            time.sleep(0.02)
            work = Work(self.options, recorder, self.dice, self.scenarios, self.first)
            until = time.monotonic() + self.options.seconds
            while time.monotonic() < until and os.path.getsize(self.log_path) < 400 * MEGABYTE:
                time.sleep(0.05)
            work.end()
        finally:
            recorder.close()
        os.remove(live)
        self.log = Log(self.log_path)

    def expected(self, place, moment):
        """What is acknowledged, and must be durable, at this place of the log: ranges of numbers per journal, and how
        many recoveries have said that they have changed something. Also how far the numbers go."""
        ranges = {name: [list(one) for one in known] for name, known in self.history.items()}
        names = {SLOTS[scenario.name]: scenario for scenario in self.scenarios}
        until, rewrites, last = {}, {}, self.first
        for what, slot, when, number, _, _ in self.log.events[:place]:
            # Later lives may have leftovers to remove, which gives no quarantine file.
            if what == REWRITTEN and slot in names and "recover" in names[slot].helpers and self.generation == 1:
                rewrites[names[slot].name] = rewrites.get(names[slot].name, 0) + 1
            if what != ACKNOWLEDGED or slot not in names:
                continue
            last = max(last, number % SECOND)
            scenario = names[slot]
            if scenario.sync == "never" and not self.options.prove:
                continue
            if scenario.sync == "interval" and when > moment - INTERVAL / 1000 - self.options.margin:
                continue
            writer = number - number % SECOND
            until[scenario.name, writer] = number
        for (name, writer), number in until.items():
            ranges.setdefault(name, []).append([writer + self.first, number])
        return ranges, rewrites, last

    def cuts(self, count):
        """Yields images with what is expected of them; the next session goes on from the last one."""
        events, dice = self.log.events, self.dice
        begin = self.log.start if self.generation == 1 else 0
        # Right after an acknowledgement, right before a flush, where most is in the cache, or anywhere.
        after = [n + 1 for n in range(begin, len(events)) if events[n][0] == ACKNOWLEDGED]
        filled = [n for n in range(begin + 1, len(events)) if events[n][0] == FLUSH and events[n - 1][0] != FLUSH]
        anywhere = range(begin, len(events) + 1)
        places = [dice.choice(dice.choice([after, filled, anywhere]) or anywhere) for _ in range(count)]
        rolling = os.path.join(self.place, "rolling")
        copy(self.base, rolling)
        applied = 0
        disk = os.open(rolling, os.O_RDWR)
        for number, place in enumerate(sorted(places)):
            flushed = place
            while flushed > applied and events[flushed - 1][0] != FLUSH:
                flushed -= 1
            self.log.apply(disk, range(applied, flushed))
            applied = max(applied, flushed)
            image = os.path.join(self.place, f"cut-{number}")
            copy(rolling, image)
            cached = [n for n in range(applied, place) if events[n][0] == WRITE]
            mode = dice.choices(["all", "none", "first", "sectors"], [3, 3, 2, 4])[0]
            with open(image, "r+b") as file:
                if mode == "all":
                    self.log.apply(file.fileno(), cached)
                elif mode == "first":
                    self.log.apply(file.fileno(), cached[: dice.randint(0, len(cached))])
                elif mode == "sectors":
                    self.log.apply(file.fileno(), cached, Sectors(dice))
            moment = events[place - 1][2] if place else 0
            acknowledged, rewrites, last = self.expected(place, moment)
            yield {
                "fs": self.fs,
                "image": image,
                "place": place,
                "events": len(events),
                "cached": len(cached),
                "mode": mode,
                "generation": self.generation,
                "acknowledged": acknowledged,
                "rewrites": rewrites,
                "scenarios": self.scenarios,
                "first": last - last % 100_000 + 100_000,
            }
        os.close(disk)
        os.remove(rolling)


def format_image(fs, image):
    size, command, _ = FILE_SYSTEMS[fs]
    ready = f"{os.path.dirname(image)}/formatted-{fs}"
    if not os.path.exists(ready):
        with open(ready, "wb") as file:
            file.truncate(size * MEGABYTE)
        done = subprocess.run([*command, ready], capture_output=True, text=True)
        if done.returncode:
            raise CannotRun(f"{command[0]} fails: {done.stderr.strip()}")
        subprocess.run(["fallocate", "--dig-holes", ready], check=False)
    copy(ready, image)


# --- What must hold afterwards --------------------------------------------------------------------------------------


class Check:
    """Looks at one journal after a power cut, recovers it and works on with it."""

    def __init__(self, options, scenario, root, ranges, rewrites):
        self.options, self.scenario, self.root = options, scenario, root
        self.ranges, self.rewrites, self.story, self.rewritten = ranges, rewrites, [], False

    def fail(self, text):
        said = "\n".join(self.story)
        raise Violation(f"{self.scenario.name}: {text}\n{said}")

    def command(self, *arguments, codes=(0,), give=b""):
        program = [os.path.join(self.options.bin, "papyra"), "persistence", *arguments]
        try:
            done = subprocess.run(program, input=give, capture_output=True, timeout=60, check=False)
        except subprocess.TimeoutExpired:
            self.story.append(f"$ {' '.join(program)}")
            self.fail("the command has not ended after 60 s")
        shown = done.stdout[:2000].decode(errors="replace"), done.stderr[:2000].decode(errors="replace")
        self.story.append(f"$ {' '.join(program)}\n{shown[0]}{shown[1]}[exit code {done.returncode}]")
        if b"panicked" in done.stderr or b"internal error" in done.stderr or b"backtrace" in done.stderr:
            self.fail("the command has panicked")
        if done.returncode not in codes:
            self.fail(f"exit code {done.returncode} is none of {codes}")
        return done.returncode, done.stdout

    def compare(self, lines, where):
        """Every acknowledged record once, byte for byte, unless it was to be dropped. Returns the numbers."""
        numbers = [number for number in map(number_of, lines) if number is not None]
        present = set(numbers)
        if len(present) != len(numbers):
            twice = sorted(number for number in present if numbers.count(number) > 1)
            self.fail(f"{where}: records {twice[:10]} are there twice")
        for writer in {number // SECOND for number in numbers}:
            own = [number for number in numbers if number // SECOND == writer]
            if own != sorted(own):
                self.fail(f"{where}: the records are out of order")
        dropped = 0
        for first, end in self.ranges:
            lost = [number for number in range(first, end) if number not in present]
            if self.scenario.drops and present:
                # If nothing of one of two writers is left, all of it may have been dropped.
                own = [number for number in numbers if number // SECOND == first // SECOND]
                oldest = min(own, default=end)
                dropped += sum(number < oldest for number in lost)
                lost = [number for number in lost if number > oldest]
            if lost:
                self.fail(
                    f"{where}: {len(lost)} acknowledged records are lost: {lost[:5]} to {lost[-1]}; "
                    f"acknowledged were {self.ranges}, there are {numbers[:1]} to {numbers[-1:]}"
                )
        kept = self.scenario.kept
        if dropped and len(numbers) < kept:
            self.fail(f"{where}: only {len(numbers)} records are left, and compaction keeps {kept}")
        least = (self.scenario.max_files - 1) * (MAX_BYTES - (BATCH + 1) * RECORD)
        if dropped and not kept and where == "before recovery":
            size = sum(map(os.path.getsize, self.scenario.files(self.root)))
            if size < least:
                self.fail(f"{where}: {size} bytes are left, and rotation drops nothing below {least}")
        return numbers

    def contents(self):
        pieces = []
        for path in self.scenario.files(self.root):
            with open(path, "rb") as file:
                pieces.append(file.read())
        return pieces

    def lines(self):
        return [text for piece in self.contents() for text in piece.split(b"\n")]

    def quarantined(self):
        directory = self.scenario.quarantine(self.root)
        found = {}
        for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else []:
            with open(os.path.join(directory, name), "rb") as file:
                found[name] = file.read()
        return found

    def everything(self):
        """Names, inodes and contents of all that lies in the directory of the journal."""
        seen = {}
        for directory, _, names in os.walk(os.path.join(self.root, self.scenario.name)):
            for name in names:
                path = os.path.join(directory, name)
                with open(path, "rb") as file:
                    seen[path] = (os.stat(path).st_ino, file.read())
        return seen

    def hidden(self):
        return [path for path in self.everything() if os.path.basename(path).startswith(".")]

    def run(self):
        scenario, target = self.scenario, self.scenario.target(self.root)
        if not os.path.isdir(os.path.join(self.root, scenario.name)):
            self.fail("the directory is gone, and it was synced")
        before, old = self.contents(), self.quarantined()
        kept = sum(not name.startswith(".") for name in old)
        if kept < self.rewrites:
            self.fail(f"{self.rewrites} recoveries were reported as done, and there are {kept} quarantine files")
        if "check" in scenario.helpers:
            quick = self.command("startup-check", *target, codes=(0, 2))[0]
            full = self.command("startup-check", "--full", *target, codes=(0, 2))[0]
            if quick != full:
                self.fail(f"the index says {quick}, and all that is there says {full}")
        numbers = self.compare([text for piece in before for text in piece.split(b"\n")], "before recovery")
        if before:
            self.command("scan", "--json", *target, codes=(0, 2))
            self.recover(target, before, old, numbers)
        # A rotation that the cut has stopped is finished by an append that rotates, so this one is long enough.
        more = range(2 * SECOND, 2 * SECOND + (61 if scenario.max_files else 1))
        give = b"".join(line(number) + b"\n" for number in more)
        self.command("append", *target, "--batch", "5", give=give)
        self.command("scan", "--json", *target)
        _, output = self.command("read", "--no-retention", *target)
        self.story.pop()
        last = number_of(output.splitlines()[-1]) if output else None
        if last != more[-1]:
            self.fail(f"after another append the last record is {last} and not {more[-1]}")
        if not scenario.max_files:
            self.compare(output.splitlines(), "after another append")
        leftovers = [path for path in self.hidden() if not path.endswith(".papyra-index")]
        if "check" in scenario.helpers:
            self.command("startup-check", *target)
            leftovers = [path for path in self.hidden() if not path.endswith(".papyra-index")]
        if leftovers:
            self.fail(f"another append has left {leftovers}")

    def recover(self, target, before, old, numbers):
        quarantine = self.scenario.quarantine(self.root)
        recover = ["recover", *target, "--mode", "quarantine", "--quarantine-dir", quarantine, "--no-audit", "--json"]
        # A gap in the numbers of a rotating set is no damage, and stays until the next rotation.
        codes = (0, 3) if self.scenario.max_files else (0,)
        code, output = self.command(*recover, codes=codes)
        self.rewritten = json.loads(output)["changed"]
        scan, output = self.command("scan", "--json", *target, codes=(0, 2))
        anomalies = set(json.loads(output)["anomalies"])
        if (scan == 2) != (code == 3) or anomalies - {"gap_in_rotation"}:
            self.fail(f"recovery has ended with {code}, and then a scan with {scan}: {sorted(anomalies)}")
        settled = self.everything()
        hidden = [path for path in self.hidden() if not path.endswith((".papyra-index", ".papyra-index-new"))]
        if hidden:
            self.fail(f"one recovery has left {hidden}")
        self.compare(self.lines(), "after recovery")
        _, output = self.command("read", "--no-retention", *target)
        self.story.pop()
        read = output.splitlines()
        unknown = [text for text in read if number_of(text) is None]
        if unknown:
            self.fail(f"after recovery there is a record that nobody has written: {unknown[0][:200]}")
        if self.compare(read, "read after recovery") != [n for n in map(number_of, self.lines()) if n is not None]:
            self.fail("`read` gives other records than the files have")
        if missing := set(numbers) - set(map(number_of, read)):
            self.fail(f"recovery has removed {sorted(missing)[:10]}")
        self.nothing_lost(before, read, old)
        self.command(*recover, codes=codes)
        if self.everything() != settled:
            self.fail("a second recovery has changed something")

    def nothing_lost(self, before, kept, old):
        """What is kept and what is new in the quarantine are together what was there, but for line ends."""
        new = [data.replace(b"\n", b"") for name, data in self.quarantined().items() if name not in old]
        whole, rest, place = b"\n".join(before), [], 0
        for text in kept:
            found = whole.find(text, place)
            if found < 0:
                self.fail(f"after recovery there is {text[:100]}, which was not there before, or elsewhere")
            rest.append(whole[place:found])
            place = found + len(text)
        rest = b"".join([*rest, whole[place:]]).replace(b"\n", b"")
        if all(b"".join(order) != rest for order in itertools.permutations(new)):
            self.fail(f"{len(rest)} bytes were removed, and {sum(map(len, new))} are in the quarantine: {rest[:200]}")


class Checker:
    """Mounts the images of power cuts, several at a time, and checks them."""

    def __init__(self, options, place):
        self.options, self.place, self.count = options, place, 0
        self.lock, self.room = threading.Lock(), threading.Semaphore(options.jobs + 1)
        self.tally = {}
        self.failed = threading.Event()

    def add(self, name, amount=1):
        with self.lock:
            self.tally[name] = self.tally.get(name, 0) + amount

    def __call__(self, cut):
        try:
            if not self.failed.is_set():
                self.check(cut)
        except BaseException:
            self.failed.set()
            raise
        finally:
            self.room.release()

    def check(self, cut):
        original = cut["image"] + ".original"
        copy(cut["image"], original)
        directory = cut["image"] + ".mounted"
        os.makedirs(directory)
        records = 0
        try:
            mount(cut["fs"], cut["image"], directory)
        except CannotRun as error:
            # No store can keep a promise there. Of more than a few the simulated disk would be the reason.
            self.add(LOST_FILE_SYSTEM)
            if self.tally[LOST_FILE_SYSTEM] > self.options.cuts * FEW:
                text = f"the file system itself has not survived, again: {error}"
                raise self.keep(cut, original, Violation(text)) from None
            os.rmdir(directory)
            os.remove(cut["image"])
            os.remove(original)
            return
        try:
            for scenario in cut["scenarios"]:
                ranges = cut["acknowledged"].get(scenario.name, [])
                rewrites = cut["rewrites"].get(scenario.name, 0)
                check = Check(self.options, scenario, directory, ranges, rewrites)
                check.run()
                records += sum(end - first for first, end in ranges)
                self.add("recoveries that changed something", int(check.rewritten))
                self.add("earlier recoveries whose quarantine is there", rewrites)
                self.add(f"journals: {scenario.name}")
        except Violation as violation:
            raise self.keep(cut, original, violation) from None
        except (OSError, ValueError) as error:
            raise self.keep(cut, original, Violation(f"looking at the journal fails: {error!r}")) from None
        finally:
            unmount(directory)
            os.rmdir(directory)
        os.remove(cut["image"])
        os.remove(original)
        self.add("cuts")
        self.add(f"cuts that kept {cut['mode']} of the cache", 1)
        self.add("cuts with writes in the cache", int(cut["cached"] > 0))
        self.add("cuts after an earlier cut", int(cut["generation"] > 1))
        self.add("acknowledged records accounted for", records)

    def keep(self, cut, original, violation):
        """Saves the image and the story; returns the violation with the place of them."""
        with self.lock:
            self.count += 1
            kept = os.path.join(ROOT, "target", "powercut", f"{cut['fs']}-{os.getpid()}-{self.count}")
        os.makedirs(kept, exist_ok=True)
        copy(original, os.path.join(kept, "image"))
        known = {**cut, "image": "image", "scenarios": [scenario.name for scenario in cut["scenarios"]]}
        with open(os.path.join(kept, "expected.json"), "w") as file:
            json.dump(known, file, indent=1)
        story = (
            f"{cut['fs']}, power cut at event {cut['place']} of {cut['events']}, {cut['cached']} writes in the cache, "
            f"of which it kept: {cut['mode']}; life {cut['generation']} of this disk\n{violation}\n"
        )
        with open(os.path.join(kept, "story.txt"), "w") as file:
            file.write(story)
        return Violation(f"{story}kept in {kept}; check it again with\n  tests/powercut.py --again {kept}")


# --- The whole ------------------------------------------------------------------------------------------------------


def alone():
    """A mount namespace of our own: whatever happens, mounts and loop devices end with the last process."""
    if LIBC.unshare(0x20000) or LIBC.mount(None, b"/", None, 0x4000 | 0x40000, None):
        raise CannotRun(f"this process may not mount: {os.strerror(ctypes.get_errno())}")


def available(names):
    """The file systems that this machine can format and mount; raises if there is nothing to work with."""
    if os.geteuid() != 0:
        raise CannotRun("only root can mount file systems")
    if not os.path.exists("/dev/fuse"):
        raise CannotRun("there is no /dev/fuse")
    if not os.path.exists("/dev/loop-control"):
        raise CannotRun("there are no loop devices")
    alone()
    found = []
    for fs in names:
        if shutil.which("modprobe"):
            subprocess.run(["modprobe", "-q", fs], stderr=subprocess.DEVNULL, check=False)
        with open("/proc/filesystems") as file:
            known = fs in file.read().split()
        tool = FILE_SYSTEMS[fs][1][0]
        if not known:
            print(f"powercut: without {fs}, which this kernel does not have")
        elif not shutil.which(tool):
            print(f"powercut: without {fs}, because {tool} is not installed")
        else:
            found.append(fs)
    if not found:
        raise CannotRun("none of the file systems is available")
    return found


def work_place(options):
    if options.dir:
        return tempfile.mkdtemp(prefix="powercut-", dir=options.dir)
    memory = "/dev/shm"
    enough = os.path.isdir(memory) and shutil.disk_usage(memory).free > 3 << 30
    return tempfile.mkdtemp(prefix="powercut-", dir=memory if enough else None)


def cut_power(options, fs, place):
    checker = Checker(options, place)
    begun, made, session_number, before, deck = time.monotonic(), 0, 0, None, []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        while made < options.cuts and time.monotonic() - begun < options.minutes * 60:
            session_number += 1
            dice = random.Random(f"{options.seed}-{fs}-{session_number}")
            session = Session(options, fs, place, dice, deck, before)
            session.record()
            count = min(options.per_session, options.cuts - made)
            pending, before = [], None
            go_on = session.generation < 4 and dice.random() < 0.6
            for number, cut in enumerate(session.cuts(count)):
                if number == count - 1 and go_on:
                    before = {**cut, "image": os.path.join(place, "before")}
                    copy(cut["image"], before["image"])
                checker.room.acquire()
                pending.append(pool.submit(checker, cut))
                if checker.failed.is_set():
                    break
            for one in pending:
                one.result()
            made += count
            session.log.close()
            if sys.stdout.isatty() or session_number % 5 == 0:
                print(f"powercut: {fs}, {made} cuts, {time.monotonic() - begun:.0f} s", flush=True)
    print(f"powercut: {fs}: {made} cuts in {session_number} runs, {time.monotonic() - begun:.0f} s, no violation")
    for name, amount in sorted(checker.tally.items()):
        print(f"  {amount:>12,}  {name}")
    return made


def again(options):
    """Checks a kept image once more, on a copy."""
    with open(os.path.join(options.again, "expected.json")) as file:
        cut = json.load(file)
    cut["scenarios"] = [one for one in SCENARIOS if one.name in cut["scenarios"]]
    alone()
    place = work_place(options)
    try:
        cut["image"] = os.path.join(place, "image")
        copy(os.path.join(options.again, "image"), cut["image"])
        checker = Checker(options, place)
        checker.room.acquire()
        checker(cut)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    print("powercut: this image shows no violation")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cuts", type=int, default=2000, help="power cuts per file system [2000]")
    parser.add_argument("--fs", default="ext4,xfs,btrfs", help="file systems [ext4,xfs,btrfs]")
    parser.add_argument("--seed", type=int, default=1, help="where the random choices begin [1]")
    parser.add_argument("--per-session", type=int, default=50, help="power cuts per run of the workers [50]")
    parser.add_argument("--seconds", type=float, default=2.5, help="length of a run of the workers [2.5]")
    parser.add_argument("--minutes", type=float, default=1e6, help="begin no run after so many minutes per file system")
    parser.add_argument("--margin", type=float, default=1.0, help="seconds added to an interval [1]")
    parser.add_argument("--jobs", type=int, default=2, help="images that are checked at a time [2]")
    parser.add_argument("--only", help="only these journals, such as always,rotating")
    parser.add_argument("--bin", default=os.path.join(ROOT, "target", "release"), help="where the programs are")
    parser.add_argument("--dir", help="where the images are [/dev/shm, or the directory for temporary files]")
    parser.add_argument("--prove", action="store_true", help="append with `never` instead: violations must be found")
    parser.add_argument("--again", metavar="DIR", help="check a kept image again")
    options = parser.parse_args()
    options.fs = options.fs.split(",")
    if unknown := set(options.fs) - set(FILE_SYSTEMS):
        parser.error(f"unknown file systems: {sorted(unknown)}")
    if options.only:
        names = options.only.split(",")
        options.only = [scenario for scenario in SCENARIOS if scenario.name in names]
        if len(options.only) != len(names):
            parser.error(f"the journals are {', '.join(SLOTS)}")
    return options


def main():
    if sys.argv[1:2] == ["--serve"]:
        return serve(int(sys.argv[2]), sys.argv[3], sys.argv[4], list(map(int, sys.argv[5:])))
    options = arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        if options.again:
            return again(options)
        for program in ("papyra", "papyra-worker"):
            if not os.path.exists(os.path.join(options.bin, program)):
                sys.exit(f"powercut: {options.bin} has no {program}; run `make build`")
        for fs in available(options.fs):
            place = work_place(options)
            try:
                cut_power(options, fs, place)
            finally:
                shutil.rmtree(place, ignore_errors=True)
    except CannotRun as error:
        print(f"powercut: this test cannot run here: {error}. Nothing was tested.")
    except Violation as violation:
        print(f"powercut: VIOLATION, seed {options.seed}: {violation}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
