"""The backend with rotating files, compared with Papyra's own. Runs with both versions of Papyra."""

from __future__ import annotations

import os
import tempfile
import unittest
from pathlib import Path

from given import NOW, event, fill
from papyra import Actor, ActorSystem
from papyra.persistence.backends.retention import RetentionPolicy
from papyra.persistence.backends.rotating import RotatingFilePersistence as Theirs
from papyra.persistence.models import PersistenceRecoveryConfig, PersistenceRecoveryMode
from papyra_persistence import Engine
from papyra_persistence.backend import RotatingFilePersistence

ENGINE = Engine(os.environ["PAPYRA_PYTHON"])
LISTS = ("list_events", "list_audits", "list_dead_letters")
#: Small enough for `fill` to rotate, and with room for all it writes: Papyra stops rotating a full set.
LIMITS = {"max_bytes": 2_000, "max_files": 8}


class RotatingTest(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.dir = Path(directory.name)
        self.path = self.dir / "rot.log"

    def ours(self, policy: RetentionPolicy | None = None, **options: object):
        given = {**LIMITS, **options}
        return RotatingFilePersistence(self.path, retention_policy=policy, engine=ENGINE, **given)

    def theirs(self, policy: RetentionPolicy | None = None, **options: object) -> Theirs:
        return Theirs(self.path, retention_policy=policy, **{**LIMITS, **options})

    def names(self) -> list[str]:
        return sorted(one.name for one in self.dir.iterdir() if one.name[0] != ".")

    async def same_lists(self, policy: RetentionPolicy | None = None) -> None:
        for name in LISTS:
            for options in ({}, {"limit": 3}, {"since": NOW + 30}, {"limit": 2, "since": NOW}):
                found = await getattr(self.ours(policy), name)(**options)
                expected = await getattr(self.theirs(policy), name)(**options)
                self.assertTrue(options or found, name)
                self.assertEqual(repr(found), repr(expected), f"{name} {options}")

    async def test_each_lists_what_either_wrote(self) -> None:
        await fill(self.theirs(), 30)
        await self.same_lists()
        await fill(self.ours(), 20)
        self.assertGreater(len(self.names()), 3)
        await fill(self.theirs(), 3)
        await self.same_lists()
        await self.same_lists(RetentionPolicy(max_records=20))

    async def test_both_count_what_they_write(self) -> None:
        ours = self.ours()
        await fill(ours)
        self.path.unlink()
        theirs = self.theirs()
        await fill(theirs)
        names = ("records_written", "write_errors", "scans")
        counted = [{name: one.metrics.snapshot()[name] for name in names} for one in (ours, theirs)]
        self.assertEqual(*counted)

    async def test_a_full_set_goes_on_rotating(self) -> None:
        ours = self.ours(max_files=3)
        await fill(ours, 60)
        self.assertEqual(self.names(), ["rot.log", "rot.log.1", "rot.log.2"])
        self.assertTrue(all((self.dir / name).stat().st_size <= 2_000 for name in self.names()))
        numbers = [one.payload["n"] for one in await self.theirs(max_files=3).list_events()]
        self.assertEqual(numbers, list(range(numbers[0], 60)), "the newest, in order")

    async def test_it_finds_the_anomalies_that_papyra_finds_where_papyra_does(self) -> None:
        await fill(self.theirs(), 30)
        with (self.dir / "rot.log.2").open("a") as file:
            file.write("nonsense\n\n")
        with self.path.open("a") as file:
            file.write('{"kind": "ev')
        (self.dir / "rot.log.8").write_text('{"kind": "event", "timestamp": 1}\n')
        found, expected = await self.ours().scan(), await self.theirs().scan()

        def told(report: object) -> set[tuple[str, str]]:
            return {(one.type.name, one.path) for one in report.anomalies}

        self.assertEqual(told(found), told(expected))
        self.assertEqual(len(found.anomalies), 4)
        self.assertEqual(found.backend, expected.backend)
        # The rules for names are ours: Papyra takes whatever begins with the name for one of its files.
        (self.dir / "rot.log.backup").write_text("another program's")
        self.assertEqual(told(await self.ours().scan()), told(found))

    async def test_recovery_rewrites_the_damaged_files_alone(self) -> None:
        await fill(self.theirs(), 30)
        before = {name: (self.dir / name).read_bytes() for name in self.names()}
        with (self.dir / "rot.log.1").open("ab") as file:
            file.write(b"\xff\xfe\n")
        config = PersistenceRecoveryConfig(PersistenceRecoveryMode.QUARANTINE, str(self.dir / "q"))
        report = await self.ours().recover(config)
        self.assertEqual(report.repaired_files, (str(self.dir / "rot.log.1"),))
        self.assertEqual(Path(report.quarantined_files[0]).read_bytes(), b"\xff\xfe\n")
        after = {name: (self.dir / name).read_bytes() for name in before}
        self.assertEqual(after, before)
        self.assertFalse((await self.theirs().scan()).has_anomalies)
        self.assertFalse((await self.ours().recover()).repaired_files)

    async def test_it_compacts_to_the_records_that_papyra_lists(self) -> None:
        policy = RetentionPolicy(max_records=7)
        await fill(self.ours(), 30)
        expected = [await getattr(self.theirs(policy), name)() for name in LISTS]
        report = await self.ours(policy).compact()
        self.assertEqual((report.backend, report.after_records), ("rotating", 7))
        found = [await getattr(self.theirs(), name)() for name in LISTS]
        self.assertEqual(repr(found), repr(expected))

    async def test_clearing_leaves_nothing_to_list(self) -> None:
        ours = self.ours()
        await ours.clear()
        await fill(ours, 30)
        with self.path.open("a") as file:
            file.write("nonsense\n")
        await ours.clear()
        for backend in (ours, self.theirs()):
            self.assertEqual([await getattr(backend, name)() for name in LISTS], [(), (), ()])
        await ours.record_event(event(1))
        self.assertEqual(len(await ours.list_events()), 1)

    def test_it_refuses_what_papyra_refuses(self) -> None:
        for limits in ({"max_bytes": 0}, {"max_files": 0}, {"max_files": -1}):
            for make in (self.ours, self.theirs):
                with self.assertRaisesRegex(ValueError, "must be > 0"):
                    make(**limits)

    async def test_an_actor_system_changes_one_line(self) -> None:
        class Echo(Actor):
            async def receive(self, message: object) -> object:
                return message

        async with ActorSystem(persistence=self.ours()) as system:
            self.assertEqual(await system.spawn(Echo).ask("hello"), "hello")
        events = await self.theirs().list_events()
        self.assertIn("ActorStarted", [one.event_type for one in events])


if __name__ == "__main__":
    unittest.main()
