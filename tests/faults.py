#!/usr/bin/env python3
"""Lets system calls of papyra fail, one at a time, and compares what it says with what its files show.

    tests/faults.py [--runs N] [--seed N]     see --help

Each case is an operation on a small journal: append, recover, compact or startup-check, on one file or a rotating set.
A first run under strace counts the calls that touch the files of the journal and its directory. Then the case is run
again for each of these calls, with EIO, ENOSPC or EINTR instead of the call, once or from then on (EINTR only once,
since whoever tries again for ever is right), or with SIGKILL at the call. Calls are counted per thread, as strace
does. Files of anybody else, such as the cache of wasmtime, are left alone.

Short writes are real: strace could only pretend one without writing anything. A limit on the size of files (ulimit -f)
within the batch lets the kernel write the first part, and refuse the rest with EFBIG.

A write or sync that fails is taken back by cutting the file. With UNDO, that fails, too.

Not covered: a call that is done and reports an error, other mixed faults of several calls, and what the disk keeps after a
failed sync. The model in guest/file-store and tests/powercut.py do that.
"""

import argparse
import collections
import concurrent.futures
import itertools
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CALLS = (
    "write writev pwrite64 pwritev pwritev2 fdatasync fsync rename renameat renameat2 link linkat unlink unlinkat "
    "copy_file_range sendfile ftruncate mkdir mkdirat"
).split()
FAULTS = ["EIO", "ENOSPC", "EINTR", "EIO+", "ENOSPC+", "KILL"]  # + is: from then on
KINDS = [*FAULTS, "SHORT", "EIO/UNDO", "SHORT/UNDO"]  # UNDO: and then the file cannot be cut back
TIME_LIMIT = 20
MAX_BYTES = 1500
KEPT = 3  # records that a compaction keeps
INPUT = range(1000, 1007)  # the numbers of the records that are appended
BATCH = 3
TORN = b'{"kind": "event", "timest'


class Violation(Exception):
    """A guarantee is broken."""


# --- The records ----------------------------------------------------------------------------------------------------

MASK = (1 << 64) - 1
NUMBER = re.compile(rb'"n": (\d{1,15}),')


def line(number):
    """The same as `numbered::line` of the tests: a record that is known byte for byte by its number."""
    z = (number + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    filler = "é" * (((z ^ (z >> 31)) * 120) >> 64)
    text = f'{{"kind": "event", "timestamp": {1_763_700_000 + number}.5, "n": {number}, "text": "{filler}"}}'
    return text.encode()


def number_of(text):
    found = NUMBER.search(text)
    number = int(found[1]) if found else None
    return number if number is not None and line(number) == text else None


def text(numbers):
    return b"".join(line(number) + b"\n" for number in numbers)


# --- The cases ------------------------------------------------------------------------------------------------------


class Case:
    """An operation on a journal in a certain state; `max_files` is 0 for one file."""

    def __init__(self, operation, max_files, state, sync="always"):
        self.operation, self.max_files, self.state, self.sync = operation, max_files, state, sync
        store = f"rotating {max_files}" if max_files else "file"
        self.name = ", ".join([operation, store, state] + ([sync] if "append" in operation else []))
        self.files = self.journal()
        self.base = [number for _, data in self.oldest_first(self.files) for number in numbers_of(data)]
        self.appends = operation in ("append", "worker append")
        self.recovers = operation in ("recover", "check and recover")

    def journal(self):
        """The files at the beginning, by name."""
        if self.state == "missing":
            return {}
        if self.state == "large":  # what is copied by the kernel
            return {"j": text(range(900)) + TORN + b"\n" + text(range(900, 2000))}
        sealed, number = {}, 0
        for place in range(self.max_files - 1, 0, -1):
            data = b""
            while len(data + line(number)) < MAX_BYTES:
                data += line(number) + b"\n"
                number += 1
            sealed[f"j.{place}"] = data
        files = {**sealed, "j": text(range(number, number + (4 if self.max_files else 12)))}
        if self.state == "torn":
            files["j"] += TORN
        if self.state == "damaged":
            for name, data in files.items():
                place = data.index(b"\n") + 1
                files[name] = data[:place] + TORN + b"\n" + bytes(9) + b"\n" + data[place:]
            files["j"] += TORN
        return files

    @staticmethod
    def oldest_first(files):
        names = [name for name in files if re.fullmatch(r"j(\.[1-9]\d*)?", name)]
        names.sort(key=lambda name: -int(name[2:] or 0))
        return [(name, files[name]) for name in names]

    def url(self, path):
        return f"rotating:{path}?max_bytes={MAX_BYTES}&max_files={self.max_files}" if self.max_files else path

    def target(self, path):
        return ["--store" if self.max_files else "--path", self.url(path)]

    def command(self, options, path, quarantine):
        papyra = [os.path.join(options.bin, "papyra"), "persistence"]
        target = [*self.target(path), "--json"]
        keep = ["--quarantine-dir", quarantine, "--no-audit"]
        if self.operation == "append":
            sync = "interval:5" if self.sync == "interval" else self.sync
            return [*papyra, "append", *target, "--sync", sync, "--batch", str(BATCH)]
        if self.operation == "worker append":
            sync = "5" if self.sync == "interval" else self.sync
            worker = os.path.join(options.bin, "papyra-worker")
            return [worker, "append", self.url(path), str(INPUT[0]), str(len(INPUT)), str(BATCH), sync]
        if self.operation == "recover":
            return [*papyra, "recover", *target, "--mode", "quarantine", *keep]
        if self.operation == "compact":
            return [*papyra, "compact", *target, "--max-records", str(KEPT), *keep]
        if self.operation == "check and recover":
            return [*papyra, "startup-check", *target, "--mode", "recover", "--recovery-mode", "quarantine", *keep]
        return [*papyra, "startup-check", *target]


def cases():
    for operation, max_files, sync in itertools.product(
        ("append", "worker append"), (0, 1, 2, 3), ("always", "interval", "never")
    ):
        for state in ("healthy", "torn", "missing"):
            yield Case(operation, max_files, state, sync)
    for operation, max_files in itertools.product(("recover", "check and recover", "compact"), (0, 1, 2, 3)):
        yield Case(operation, max_files, "damaged" if operation != "compact" else "healthy")
    for operation in ("recover", "compact"):
        yield Case(operation, 0, "large")
    for max_files in (0, 3):
        yield Case("check", max_files, "healthy")


def numbers_of(data):
    return [number for number in map(number_of, data.split(b"\n")) if number is not None]


def others_of(data):
    """Lines that are no numbered records."""
    return [one for one in data.split(b"\n") if one and number_of(one) is None]


def shown(data):
    """The content of a file in short: 7 is record 7, other lines as they are."""
    pieces = data.split(b"\n")
    known = [number_of(one) if number_of(one) is not None else one[:200] for one in pieces if one]
    return known + (["and no line end"] if pieces[-1] else [])


# --- A run ----------------------------------------------------------------------------------------------------------


class Run:
    """One case with one fault, in a directory of its own."""

    def __init__(self, options, place, case, call=None, count=0, fault=None):
        self.options, self.case, self.call, self.count, self.fault = options, case, call, count, fault
        self.place = tempfile.mkdtemp(dir=place)
        self.directory = os.path.join(self.place, "d")
        self.path, self.quarantine = (os.path.join(self.directory, name) for name in ("j", "q"))
        self.log, self.story = os.path.join(self.place, "strace"), []
        os.makedirs(self.directory)
        for name, data in case.files.items():
            with open(os.path.join(self.directory, name), "wb") as file:
                file.write(data)

    def fail(self, what):
        fault = f"{self.fault} at {self.call} {self.count}" if self.fault else "no fault"
        calls = ""
        if os.path.exists(self.log):
            with open(self.log, errors="replace") as file:
                calls = file.read()[-6000:]
        files = "\n".join(f"{name}: {shown(data)}" for name, data in sorted(self.now().items()))
        story = "\n".join(self.story)
        raise Violation(f"{self.case.name}; {fault}: {what}\n{story}\ncalls:\n{calls}\nfiles now:\n{files}")

    def now(self):
        """All files, with those of the quarantine as q/NAME."""
        found = {}
        for directory, _, names in os.walk(self.directory):
            for name in names:
                path = os.path.join(directory, name)
                with open(path, "rb") as file:
                    found[os.path.relpath(path, self.directory)] = file.read()
        return found

    def watched(self):
        """The paths whose calls may fail. Hidden quarantine files have device and inode in their names."""
        names = ["", "j", "j.1", "j.2", "j.3", "j.4", ".j.papyra-rewrite", ".j.papyra-next"]
        names += [".j.papyra-index", ".j.papyra-index-new", "q"]
        for name in self.case.files:
            known = os.stat(os.path.join(self.directory, name))
            for of in {"j", name}:
                names.append(f"q/.{of}.{known.st_dev:x}-{known.st_ino:x}.papyra-quarantine")
        return [os.path.join(self.directory, name).rstrip("/") for name in names]

    def start(self, program, give, limit=None):
        """Runs a program to its end; returns its exit code and what it has said."""

        def prepare():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        environment = {**os.environ, "RUST_BACKTRACE": "0"}
        process = subprocess.Popen(
            program,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            preexec_fn=prepare,
            start_new_session=True,
        )
        try:
            output, errors = process.communicate(give, timeout=TIME_LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            self.fail(f"it has not ended after {TIME_LIMIT} s: {' '.join(program)}")
        said = (output + errors).decode(errors="replace")
        shown = program
        while "--" in shown:  # strace, prlimit
            shown = shown[shown.index("--") + 1 :]
        self.story.append(f"$ {' '.join(shown)}\n{said[:3000]}[exit code {process.returncode}]")
        for word in ("panicked", "internal error", "backtrace", "RUST_BACKTRACE"):
            if word in said:
                self.fail(f"it says `{word}`")
        return process.returncode, output

    def operate(self):
        """The operation with its fault. Returns whether the fault has happened."""
        case, self.limit = self.case, None
        program = case.command(self.options, self.path, self.quarantine)
        give = text(INPUT) if case.operation == "append" else b""
        if self.fault == "SHORT":
            self.limit = self.count
        else:
            if self.fault == "SHORT/UNDO":  # for the program only: the log of strace may grow
                program = ["prlimit", f"--fsize={self.count}", "--", *program]
            # A signal gets lost at a stop that --seccomp-bpf makes.
            fast = [] if self.fault == "KILL" else ["--seccomp-bpf"]
            trace = ["strace", "-f", "-qq", *fast, "-e", "signal=none", "-o", self.log]
            for path in self.watched():
                trace += ["-P", path]
            trace += ["-e", "trace=" + ",".join(CALLS)]
            if self.fault == "KILL":
                trace += ["-e", f"inject={self.call}:signal=SIGKILL:when={self.count}"]
            elif self.fault == "SHORT/UNDO":
                trace += ["-e", "inject=ftruncate:error=EIO"]
            elif self.fault == "EIO/UNDO":
                trace += ["-e", f"inject={self.call}:error=EIO:when={self.count}", "-e", "inject=ftruncate:error=EIO"]
            elif self.fault == "LIE":
                done = 0 if self.call.startswith("rename") else 1
                trace += ["-e", f"inject={self.call}:retval={done}:when={self.count}"]
            elif self.fault:
                often = "+" if self.fault.endswith("+") else ""
                trace += ["-e", f"inject={self.call}:error={self.fault.rstrip('+')}:when={self.count}{often}"]
            program = [*trace, "--", *program]
        self.exit, self.output = self.start(program, give, self.limit)
        if self.fault == "KILL":
            return self.exit in (-9, 137)
        if self.fault == "SHORT":
            return self.exit != 0
        with open(self.log, errors="replace") as file:
            return "(INJECTED)" in file.read()

    def counted(self):
        """How often a thread has made each call, at most."""
        per_thread = collections.Counter()
        with open(self.log, errors="replace") as file:
            for one in file:
                found = re.match(r"(\d+) +(\w+)\(", one)
                if found and found[2] in CALLS:
                    per_thread[found[1], found[2]] += 1
        most = collections.Counter()
        for (_, call), count in per_thread.items():
            most[call] = max(most[call], count)
        return most

    def judge(self, expected):
        """What the operation says agrees with the files, and nothing is lost."""
        files, case = self.now(), self.case
        data = b"\n".join(data for _, data in case.oldest_first(files))
        numbers = numbers_of(data)
        if len(set(numbers)) != len(numbers) or numbers != sorted(numbers):
            self.fail(f"records are there twice, or out of order: {numbers}")
        killed = self.fault == "KILL" and self.exit in (-9, 137)
        if not killed and self.exit not in (0, 1, 73, 75):
            self.fail(f"exit code {self.exit}")
        if self.exit == 1 and case.operation != "worker append" and (self.fault or "").startswith("ENOSPC"):
            self.fail("a full disk ends with 73, and this ended with 1")
        if case.appends:
            self.judge_append(files, data, numbers, killed)
        elif case.operation == "check":
            if any(files.get(name) != content for name, content in case.files.items()):
                self.fail("startup-check has changed the journal")
        else:
            self.judge_rewrite(files, data, numbers, killed, expected)

    def judge_append(self, files, data, numbers, killed):
        case = self.case
        lost = [number for number in case.base if number not in numbers]
        oldest = numbers[0] if numbers else None
        if lost and (not case.max_files or oldest is None or lost[-1] > oldest):
            self.fail(f"acknowledged records are lost: {lost}")
        size = sum(len(content) for _, content in case.oldest_first(files))
        if lost and size < (case.max_files - 1) * (MAX_BYTES - 320):
            self.fail(f"{len(lost)} records were dropped, and only {size} bytes are left")
        new = [number for number in numbers if number in INPUT]
        if new and new != list(range(new[0], new[-1] + 1)):
            self.fail(f"of the new records these are there: {new}")
        if new and new[0] > INPUT[0] and set(case.base) & set(numbers):
            self.fail(f"the first new records are missing: {new}")
        there = new[-1] - INPUT[0] + 1 if new else 0
        if case.operation == "append":
            least, most, said = (0, len(INPUT), None) if killed else self.said()
        else:
            acknowledged = [int(one) for one in self.output.split() if one.isdigit()]
            least = acknowledged[-1] - INPUT[0] if acknowledged else 0
            most, said = len(INPUT), None
        if self.exit == 0:
            least = len(INPUT)
        if not least <= there <= most:
            self.fail(f"{there} lines are there, and it says {least} to {most}")
        torn = {one for content in case.files.values() for one in others_of(content)}
        if said == "none" and set(others_of(data)) - torn:
            self.fail("it says that nothing of the batch is written, and a part of it is there")

    def said(self):
        """How many lines of the input are written according to the command, at least and at most."""
        if self.exit == 0:
            return len(INPUT), len(INPUT), "all"
        try:
            report = json.loads(self.output)
        except ValueError:
            self.fail("there is no JSON document")
        message, written = report["message"], report.get("written")
        if report["exit"] != self.exit:
            self.fail("the exit code in the document is another one")
        lines = r"lines? (\d+)(?: to (\d+))?"
        for pattern, kind in (
            (rf"whether {lines} (?:is|are) written is not known", "unknown"),
            (rf"of {lines} the beginning is written, perhaps only a part of a line", "some"),
            (rf"{lines} (?:is|are) written, but may not be durable", "all"),
            (rf"{lines} (?:is|are) written, nothing after them", "none"),
            (rf"{lines} (?:is|are) written, but ", None),
            (r"(nothing) was written()", "none"),
        ):
            found = re.search(pattern, message)
            if not found:
                continue
            if kind and written not in (kind, None if kind == "none" else kind):
                self.fail(f"the message says {kind}, and `written` says {written}")
            first = 0 if found[1] == "nothing" else int(found[1])
            last = int(found[2] or first)
            # `some` is a beginning in bytes: of the first of these lines, too, only a part may be there.
            least, most = {"unknown": (first - 1, last), "some": (first - 1, last - 1)}.get(kind, (last, last))
            return least, most, kind
        self.fail("the error does not say how much is written")

    def judge_rewrite(self, files, data, numbers, killed, expected):
        case = self.case
        kept = {name: content for name, content in files.items() if name.startswith("q/")}
        quarantine = b"\n".join(content for name, content in kept.items() if not name.startswith("q/."))
        lost = [number for number in case.base if number not in numbers]
        if case.recovers and lost:
            self.fail(f"recovery has lost {lost}")
        if lost and (lost[-1] > numbers[0] or len(numbers) < KEPT):
            self.fail(f"compaction has removed {lost}, and left {numbers}")
        if missing := set(lost) - set(numbers_of(quarantine)):
            self.fail(f"{missing} are neither in the journal nor in the quarantine")
        before = collections.Counter(one for content in case.files.values() for one in others_of(content))
        after = collections.Counter(others_of(data)) + collections.Counter(others_of(quarantine))
        if before - after:
            self.fail(f"{before - after} are neither in the journal nor in the quarantine")
        if expected is not None and not case.max_files and files.get("j") not in (case.files["j"], expected["j"]):
            self.fail("the file is neither the old one nor the new one")
        if self.exit == 0 and (others_of(data) if case.recovers else len(numbers) != KEPT):
            self.fail("it says that it is done, and it is not")
        same = all(files.get(name) == content for name, content in case.files.items())
        if same and not killed and self.call not in ("unlink", "unlinkat") and self.exit:
            left = [name for name in files if name not in case.files]
            if left:
                self.fail(f"nothing was changed, and these are left: {left}")

    def settle(self):
        """Without faults: everything works, and nothing that is there is lost."""
        case, papyra = self.case, [os.path.join(self.options.bin, "papyra"), "persistence"]
        target = [*case.target(self.path), "--json"]
        if self.fault == "KILL" and case.operation == "check":
            self.start([*papyra, "startup-check", *target], b"")
        files = self.now()
        data = b"\n".join(content for _, content in case.oldest_first(files))
        if case.oldest_first(files):
            keep = ["--mode", "quarantine", "--quarantine-dir", self.quarantine, "--no-audit"]
            code, _ = self.start([*papyra, "recover", *target, *keep], b"")
            if code not in ((0, 3) if case.max_files else (0,)):
                self.fail(f"a recovery without a fault has ended with {code}")
        code, _ = self.start([*papyra, "append", *target], text([5000]))
        if code:
            self.fail(f"an append without a fault has ended with {code}")
        code, output = self.start([*papyra, "scan", *target], b"")
        anomalies = set(json.loads(output).get("anomalies", ["none"]))
        if anomalies - {"gap_in_rotation"} or code not in (0, 2):
            self.fail(f"a scan without a fault finds {anomalies}")
        after = self.now()
        numbers = numbers_of(b"\n".join(content for _, content in case.oldest_first(after)))
        wanted = numbers_of(data) + [5000]
        if case.max_files:  # the append may have rotated
            wanted = wanted[-len(numbers) :] if numbers else wanted
        if numbers != wanted:
            self.fail(f"after recovery and an append there are {numbers} instead of {wanted}")
        hidden = [name for name in after if os.path.basename(name).startswith(".") and "papyra-index" not in name]
        if hidden:
            self.fail(f"hidden files are left: {hidden}")

    def remove(self):
        shutil.rmtree(self.place, ignore_errors=True)


# --- The whole ------------------------------------------------------------------------------------------------------


class Faults:
    def __init__(self, options, place):
        self.options, self.place = options, place
        self.lock, self.failed = threading.Lock(), threading.Event()
        self.table, self.outcomes = collections.Counter(), collections.Counter()
        self.missed, self.interrupted = collections.Counter(), collections.Counter()
        self.expected = {}

    def learn(self, case):
        """Runs a case without a fault; returns all faults that it can have."""
        run = Run(self.options, self.place, case)
        run.operate()
        if run.exit:
            run.fail("it fails without a fault")
        run.judge(None)
        expected, counted = run.now(), run.counted()
        run.settle()
        run.remove()
        with self.lock:
            self.expected[case.name] = expected
        faults = [
            (case, call, count, fault)
            for call, most in counted.items()
            for count in range(1, most + 1)
            for fault in FAULTS
        ]
        if self.options.prove:
            lies = "write writev pwrite64 copy_file_range rename renameat2".split()
            return [(*one[:3], "LIE") for one in faults if one[1] in lies and one[3] == "EIO"]
        # A limit on the size of files, in the middle of what is written.
        sizes = {name: len(content) for name, content in expected.items() if not name.endswith("papyra-index")}
        for name, size in sizes.items():
            old = len(case.files.get(name, b"")) if case.appends else 0
            for part in range(1, 6):
                for kind in ["SHORT", "SHORT/UNDO"] if case.appends else ["SHORT"]:
                    faults.append((case, "limit", old + (size - old) * part // 6, kind))
        if case.appends:
            written = ("write", "writev", "fdatasync", "fsync")
            faults += [(*one[:3], "EIO/UNDO") for one in faults if one[1] in written and one[3] == "EIO"]
        return [one for one in faults if one[1] != "limit" or one[2] > 0]

    def run(self, case, call, count, fault):
        if self.failed.is_set():
            return
        run = Run(self.options, self.place, case, call, count, fault)
        try:
            happened = run.operate()
            run.judge(self.expected[case.name])
            run.settle()
        except Violation as violation:
            self.failed.set()
            raise self.keep(run, violation) from None
        except (OSError, ValueError, KeyError, IndexError) as error:
            self.failed.set()
            raise self.keep(run, Violation(f"{case.name}, {fault} at {call} {count}: {error!r}")) from error
        with self.lock:
            if happened:
                self.table[call, fault] += 1
                end = "killed" if run.exit in (-9, 137) else f"ended with {run.exit}"
                self.outcomes[fault, end] += 1
                if fault == "EINTR":
                    self.interrupted[call, end] += 1
            else:
                self.missed[fault] += 1
        run.remove()

    def keep(self, run, violation):
        kept = os.path.join(ROOT, "target", "faults", f"{os.getpid()}-{os.path.basename(run.place)}")
        os.makedirs(os.path.dirname(kept), exist_ok=True)
        shutil.copytree(run.place, kept)
        with open(os.path.join(kept, "story.txt"), "w") as file:
            file.write(f"{violation}\n")
        return Violation(f"{violation}\nkept in {kept}")

    def print(self, seconds):
        total = sum(self.table.values())
        kinds = [*KINDS, *["LIE"] * self.options.prove]
        missed = ", ".join(f"{count:,} {fault}" for fault, count in sorted(self.missed.items()))
        print(f"faults: {total:,} faults in {seconds:.0f} s, no violation")
        print(f"  runs that never came to their fault: {missed or 'none'}")
        print("  " + f"{'call':<16}" + "".join(f"{kind:>11}" for kind in kinds))
        for call in sorted({call for call, _ in self.table}):
            print("  " + f"{call:<16}" + "".join(f"{self.table[call, kind]:>11,}" for kind in kinds))
        sums = [sum(count for (_, of), count in self.table.items() if of == kind) for kind in kinds]
        print("  " + f"{'all':<16}" + "".join(f"{count:>11,}" for count in sums))
        for kind in kinds:
            ends = sorted((end, n) for (k, end), n in self.outcomes.items() if k == kind)
            print(f"  {kind}: " + ", ".join(f"{n:,} {end}" for end, n in ends))
        interrupted = sorted(self.interrupted.items())
        print("  EINTR by call: " + ", ".join(f"{call} {n:,} {end}" for (call, end), n in interrupted))


def inject(options, place):
    begun = time.monotonic()
    faults, dice = Faults(options, place), random.Random(options.seed)
    chosen = [case for case in cases() if not options.only or options.only in case.name]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        known = [one for found in pool.map(faults.learn, chosen) for one in found]
        print(f"faults: {len(chosen)} cases, {len(known):,} faults are possible", flush=True)
        dice.shuffle(known)
        left, done = itertools.islice(itertools.cycle(known), options.runs), 0
        while time.monotonic() - begun < options.minutes * 60:
            some = list(itertools.islice(left, 100))
            if not some:
                break
            for one in [pool.submit(faults.run, *fault) for fault in some]:
                one.result()
            done += len(some)
            if done % 500 == 0 or sys.stdout.isatty():
                print(f"faults: {done:,} runs, {time.monotonic() - begun:.0f} s", flush=True)
    faults.print(time.monotonic() - begun)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=6000, help="runs with a fault [6000]")
    parser.add_argument("--seed", type=int, default=1, help="the order of the faults [1]")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time [2]")
    parser.add_argument("--minutes", type=float, default=1e6, help="begin nothing after so many minutes")
    parser.add_argument("--prove", action="store_true", help="let the kernel lie instead: this must be found out")
    parser.add_argument("--only", help="only cases with this in their names, such as `compact` or `rotating 1`")
    parser.add_argument("--bin", default=os.path.join(ROOT, "target", "release"), help="where the programs are")
    parser.add_argument("--dir", help="where the journals are [/dev/shm, or the directory for temporary files]")
    return parser.parse_args()


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    if not shutil.which("strace"):
        print("faults: this test cannot run here: strace is not installed. Nothing was tested.")
        return 0
    if subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=False).returncode:
        print("faults: this test cannot run here: strace may not trace. Nothing was tested.")
        return 0
    for program in ("papyra", "papyra-worker"):
        if not os.path.exists(os.path.join(options.bin, program)):
            sys.exit(f"faults: {options.bin} has no {program}; run `make build`")
    memory = options.dir or ("/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    place = tempfile.mkdtemp(prefix="faults-", dir=memory)
    try:
        inject(options, place)
    except Violation as violation:
        print(f"faults: VIOLATION, seed {options.seed}: {violation}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
