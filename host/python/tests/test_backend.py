"""The backend for Papyra, compared with Papyra's own on the same files. Runs with both versions of Papyra."""

from __future__ import annotations

import json
import os
import tempfile
import time
import unittest
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import anyio
from given import NOW, event, fill
from papyra import Actor, ActorSystem
from papyra.persistence.backends.retention import RetentionPolicy
from papyra.persistence.json import JsonFilePersistence
from papyra.persistence.models import PersistenceRecoveryConfig, PersistenceRecoveryMode
from papyra.persistence.startup import PersistenceStartupConfig, PersistenceStartupMode
from papyra_persistence import Engine, Failure
from papyra_persistence.backend import JournalPersistence

ENGINE = Engine(os.environ["PAPYRA_PYTHON"])

class BackendTest(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.dir = Path(directory.name)
        self.path = self.dir / "events.ndjson"

    def ours(self, path: Path | None = None, *policy: RetentionPolicy, **options: object):
        return JournalPersistence(path or self.path, *policy, engine=ENGINE, **options)

    async def test_it_writes_the_bytes_that_papyra_writes(self) -> None:
        ours, theirs = self.ours(), JsonFilePersistence(self.dir / "theirs.ndjson")
        for backend in (ours, theirs):
            await fill(backend)
        self.assertEqual(self.path.read_bytes(), theirs.path.read_bytes())
        self.assertEqual(ours.metrics.snapshot(), theirs.metrics.snapshot())

    async def test_it_lists_what_papyra_lists(self) -> None:
        await fill(JsonFilePersistence(self.path), 50)
        with self.path.open("a") as file:
            file.write('{"kind": "event", "timestamp": 5, "unknown": 1}\n{"timestamp": 6}\n')
            file.write('{"kind": "audit", "timestamp": 7, "total_actors": 2}\nnonsense\n')
            file.write('{"kind": "event", "system_id": "no timestamp"}\n')
            file.write('{"kind": "event", "timestamp": 8, "payload": {"x": NaN}, "event_type": "\\ud800"}\n')
            file.write('{"kind": "dead_letter", "timestamp": 9}')
        for policy in (None, RetentionPolicy(max_records=20)):
            ours, theirs = self.ours(None, policy), JsonFilePersistence(self.path, policy)
            for name in ("list_events", "list_audits", "list_dead_letters"):
                for options in ({}, {"limit": 3}, {"since": NOW + 30}, {"limit": 2, "since": NOW}):
                    expected = await getattr(theirs, name)(**options)
                    found = await getattr(ours, name)(**options)
                    self.assertEqual(repr(found), repr(expected), f"{policy} {name} {options}")

    async def test_age_hides_what_papyra_hides_but_nothing_without_a_date(self) -> None:
        theirs = JsonFilePersistence(self.path, RetentionPolicy(max_age_seconds=3600))
        now = time.time()
        for age in (7200, 3700, 3500, 60, 0):
            await theirs.record_event(event(age, now - age))
        ours = self.ours(None, theirs.retention)
        self.assertEqual(await ours.list_events(), await theirs.list_events())
        # Papyra uses a clock that counts from boot, unless it is given another one.
        await theirs.record_event(event(1, 2403.198))
        self.assertEqual(len(await ours.list_events()), 4)

    async def test_it_keeps_rotating_files(self) -> None:
        ours = self.ours(max_bytes=2_000, max_files=3)
        await fill(ours, 60)
        names = sorted(one.name for one in self.dir.iterdir() if one.name[0] != ".")
        self.assertEqual(names, [self.path.name, f"{self.path.name}.1", f"{self.path.name}.2"])
        listed = await ours.list_events()
        numbers = [one.payload["n"] for one in listed]
        self.assertEqual(numbers, list(range(numbers[0], 60)))
        self.assertLess(self.path.stat().st_size, 2_000)
        sealed = self.path.with_name(names[1])
        with sealed.open("a") as file:
            file.write("nonsense\n")
        self.assertEqual(len((await ours.scan()).anomalies), 1)
        await ours.recover()
        self.assertFalse((await ours.scan()).has_anomalies)
        limited = self.ours(None, RetentionPolicy(max_records=5), max_bytes=2_000, max_files=3)
        self.assertEqual((await limited.compact()).after_records, 5)

    async def test_a_program_that_names_the_component_for_other_stores_goes_on(self) -> None:
        engine = Path(os.environ["PAPYRA_ENGINE"])
        with self.assertWarnsRegex(DeprecationWarning, "give the backend papyra-python.wasm"):
            backend = JournalPersistence(self.path, engine=engine)
        await fill(backend, 1)
        self.assertEqual(len(await backend.list_events()), 1)
        with self.assertWarnsRegex(DeprecationWarning, "wasi is not needed any more"):
            self.ours(wasi=engine)
        alone = self.dir / engine.name
        alone.write_bytes(engine.read_bytes())
        with self.assertRaisesRegex(ValueError, "put papyra-python.wasm beside it"):
            JournalPersistence(self.path, engine=alone)

    async def test_it_finds_the_damage_that_papyra_finds(self) -> None:
        await fill(JsonFilePersistence(self.path))
        with self.path.open("a") as file:
            file.write('nonsense\n\n{"kind": "event", "timestamp": 1}\n{"kind": "ev')
        found = await self.ours().scan()
        expected = await JsonFilePersistence(self.path).scan()
        types = [(one.type, one.path) for one in found.anomalies]
        self.assertEqual(types, [(one.type, one.path) for one in expected.anomalies])
        self.assertEqual(found.backend, expected.backend)

    async def test_it_compacts_to_the_records_that_papyra_keeps(self) -> None:
        policy = RetentionPolicy(max_records=7)
        theirs = JsonFilePersistence(self.dir / "theirs.ndjson", policy)
        ours = self.ours(None, policy)
        for backend in (ours, theirs):
            await fill(backend)
        self.assertEqual(await ours.compact(), await theirs.compact())
        self.assertEqual(self.path.read_bytes(), theirs.path.read_bytes())

    async def test_what_recovery_leaves_is_read_by_papyra(self) -> None:
        await fill(self.ours())
        good = self.path.read_bytes()
        self.path.write_bytes(good + b"\xff\xfe\n{")
        config = PersistenceRecoveryConfig(PersistenceRecoveryMode.QUARANTINE, str(self.dir / "q"))
        report = await self.ours().recover(config)
        self.assertEqual(report.repaired_files, (str(self.path),))
        self.assertEqual(Path(report.quarantined_files[0]).read_bytes(), b"\xff\xfe\n{")
        self.assertEqual(self.path.read_bytes(), good)
        self.assertEqual(len(await JsonFilePersistence(self.path).list_events()), 10)
        self.assertFalse((await self.ours().scan()).has_anomalies)

    async def test_recovery_without_a_configuration_repairs(self) -> None:
        self.path.write_text('{"kind": "event", "timestamp": 1}\nx\n{"kind": "event", "timestamp": 2}')
        report = await self.ours().recover()
        self.assertEqual(len(report.scan.anomalies), 2)
        self.assertEqual(len(await self.ours().list_events()), 2, "a whole last record stays")
        ignore = PersistenceRecoveryConfig(PersistenceRecoveryMode.IGNORE)
        self.path.write_text("x\n")
        await self.ours().recover(ignore)
        self.assertEqual(self.path.read_text(), "x\n")

    async def test_a_repair_of_what_is_no_journal_is_refused_unless_loss_is_allowed(self) -> None:
        records = [f'{{"kind": "event", "timestamp": {number}}}\n' for number in (1, 2)]
        prefixed = "".join(f"INFO {line}" for line in records)
        self.path.write_text(prefixed)
        with self.assertRaisesRegex(Failure, "allow-loss") as raised:
            await self.ours().recover()
        self.assertEqual(raised.exception.code, "invalid-argument")
        self.assertEqual(self.path.read_text(), prefixed)
        await self.ours(allow_loss=True).recover()
        self.assertEqual(self.path.read_text(), "".join(records))

    async def test_a_compaction_that_would_remove_everything_by_age_is_refused_unless_allowed(self) -> None:
        policy = RetentionPolicy(max_age_seconds=3600)
        await fill(self.ours())
        before = self.path.read_bytes()
        with self.assertRaisesRegex(Failure, "allow-expire-all") as raised:
            await self.ours(None, policy).compact()
        self.assertEqual(raised.exception.code, "invalid-argument")
        self.assertEqual(self.path.read_bytes(), before)
        report = await self.ours(None, policy, allow_expire_all=True).compact()
        self.assertEqual(report.after_records, 0)
        self.assertEqual(self.path.read_bytes(), b"")

    def test_what_is_allowed_is_said_by_true_or_false(self) -> None:
        for name in ("allow_loss", "allow_expire_all"):
            with self.subTest(name), self.assertRaisesRegex(TypeError, name):
                self.ours(**{name: "no"})

    async def test_limits_of_zero_keep_and_return_nothing_and_negative_ones_are_refused(self) -> None:
        await fill(self.ours())
        self.assertEqual(await self.ours().list_events(limit=0), ())
        self.assertEqual(await self.ours(None, RetentionPolicy(max_records=0)).list_events(), ())
        with self.assertRaises(ValueError):
            await self.ours().list_events(limit=-1)
        with self.assertRaises(ValueError):
            self.ours(None, RetentionPolicy(max_records=-1))

    async def test_nothing_is_lost_that_json_cannot_say(self) -> None:
        @dataclass
        class Odd:
            keys: dict
            lone: str = "\ud800"

        backend = self.ours()
        await backend.record_event(event(1, odd=Odd({(1, 2): float("nan")}), path=Path("/x")))
        await backend.record_event({"timestamp": NOW, "event_type": "a mapping", "kind": "audit"})
        first, second = await backend.list_events()
        self.assertEqual(first.payload["odd"], {"keys": {"(1, 2)": "nan"}, "lone": "\ud800"})
        self.assertEqual(first.payload["path"], "/x")
        self.assertEqual(second.event_type, "a mapping")
        self.assertFalse((await self.ours(strict=True).scan()).has_anomalies)

    async def test_a_write_that_fails_is_counted_and_does_not_raise(self) -> None:
        backend = self.ours(self.dir)
        with self.assertLogs("papyra_persistence.backend"):
            await backend.record_event(event(1))
        self.assertEqual(backend.metrics.write_errors, 1)
        self.assertEqual(backend.metrics.records_written, 0)
        backend.metrics.reset()
        self.assertEqual(set(backend.metrics.snapshot().values()), {0})
        with self.assertRaises(Exception):
            await self.ours(self.dir, raise_on_write_error=True).record_event(event(1))

    async def test_one_bad_record_does_not_spoil_those_that_are_written_with_it(self) -> None:
        backend = self.ours()
        with self.assertLogs("papyra_persistence.backend"):
            async with anyio.create_task_group() as tasks:
                for number in range(30):
                    at = float("nan") if number == 7 else NOW
                    tasks.start_soon(backend.record_event, event(number, at))
        numbers = [one.payload["n"] for one in await backend.list_events()]
        self.assertEqual(numbers, [number for number in range(30) if number != 7])
        self.assertEqual(backend.metrics.write_errors, 1)

    async def test_a_cancelled_write_takes_no_other_with_it(self) -> None:
        backend = self.ours()
        async with anyio.create_task_group() as tasks:
            for number in range(200):
                if number == 100:
                    with anyio.move_on_after(0):
                        await backend.record_event(event(1_000))
                tasks.start_soon(backend.record_event, event(number))
        numbers = [one.payload["n"] for one in await backend.list_events()]
        self.assertEqual([n for n in numbers if n < 1_000], list(range(200)))

    async def test_closing_waits_for_what_is_being_written(self) -> None:
        backend = self.ours()
        async with anyio.create_task_group() as tasks:
            for number in range(100):
                tasks.start_soon(backend.record_event, event(number))
            await anyio.sleep(0)
            await backend.aclose()
            self.assertEqual(len(await backend.list_events()), 100)
        self.assertTrue(backend.closed)
        with self.assertLogs("papyra_persistence.backend"):
            await backend.record_event(event(1))
        self.assertEqual(len(await backend.list_events()), 100)

    async def test_the_event_loop_goes_on_during_a_scan(self) -> None:
        line = json.dumps({"kind": "event", "timestamp": NOW, "text": "x" * 1000}) + "\n"
        self.path.write_text(line * 50_000)
        backend = self.ours()
        await backend.list_events(limit=1)
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await anyio.sleep(0.001)
                ticks += 1

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(tick)
            await anyio.sleep(0.01)
            before = ticks
            await backend.scan()
            during = ticks - before
            tasks.cancel_scope.cancel()
        self.assertGreater(during, 3)

    async def test_an_actor_system_changes_one_line(self) -> None:
        class Echo(Actor):
            async def receive(self, message: object) -> object:
                return message

        startup = PersistenceStartupConfig(
            mode=PersistenceStartupMode.RECOVER,
            recovery=PersistenceRecoveryConfig(PersistenceRecoveryMode.REPAIR),
        )
        self.path.write_text('{"kind": "event", "timestamp": 1}\nnonsense\n')
        system = ActorSystem(
            persistence=self.ours(), persistence_startup=startup, time_fn=time.time
        )
        async with system:
            actor = system.spawn(Echo)
            self.assertEqual(await actor.ask("hello"), "hello")
            system.audit()
        events = await self.ours().list_events()
        self.assertIn("ActorStarted", [one.event_type for one in events])
        self.assertFalse((await self.ours(strict=True).scan()).has_anomalies)


if __name__ == "__main__":
    unittest.main()
