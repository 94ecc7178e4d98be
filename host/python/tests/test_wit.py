"""The classes of this package, and the types of that for Node, have the fields of the contract."""

from __future__ import annotations

import dataclasses
import re
import types
import typing
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

from papyra_persistence import FileStore, disk, errors, host_groups, journal, reports, store
from papyra_persistence.disk import Disk
from papyra_persistence.interrupts import Interrupts

WIT = Path(__file__).parents[3] / "wit"
NODE = Path(__file__).parents[2] / "node" / "src" / "types.d.ts"
#: Classes whose name differs from that of the record.
OTHER = {"counters": reports.Counters, "page": reports.Page, "draft": journal.Draft}
#: Their entries cross as text here, and their frames with them.
SPECIAL = {"chunk", "frame"}


def interface(name: str) -> str:
    """Returns the text of an interface without its comments."""
    return re.sub(r"//.*", "", (WIT / f"{name}.wit").read_text())


def records(name: str) -> dict[str, dict[str, str]]:
    """Returns the types of the fields of each record, with names in Python's spelling."""
    found = re.findall(r"\brecord ([\w-]+) \{(.*?)\}", interface(name), re.S)
    fields = r"([\w-]+): ([^,]+(?:<.*>)?),"
    return {
        record: {key.replace("-", "_"): kind for key, kind in re.findall(fields, body)}
        for record, body in found
    }


def named(record: str) -> Any:
    """Returns the class for a record, if there is one."""
    name = "".join(part.title() for part in record.split("-"))
    return OTHER.get(record) or getattr(reports, name, None) or getattr(store, name, None)


def optional(hint: Any) -> bool:
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return union and type(None) in typing.get_args(hint)


def interfaces() -> dict[str, dict[str, bool]]:
    """Returns the fields of each interface in TypeScript, and whether they are optional."""
    text = re.sub(r"/\*\*.*?\*/", "", NODE.read_text(), flags=re.S)
    found = re.findall(r"export interface (\w+) \{(.*?)\n\}", text, re.S)
    return {
        name: {key: mark == "?" for key, mark in re.findall(r"(\w+)(\??):", body)}
        for name, body in found
    }


def camel(name: str) -> str:
    return re.sub("_(.)", lambda match: match[1].upper(), name)


def functions(name: str) -> set[str]:
    return set(re.findall(r"([\w-]+): func\(", interface(name)))


class WitTest(unittest.TestCase):
    def test_the_fields_of_each_class_are_those_of_the_record(self) -> None:
        checked = 0
        for name in ("journal", "storage", "types"):
            for record, fields in records(name).items():
                cls = None if record in SPECIAL else named(record)
                if cls is None:
                    continue
                with self.subTest(record):
                    hints = typing.get_type_hints(cls)
                    self.assertEqual(set(hints), set(fields))
                    for field, kind in fields.items():
                        self.assertEqual(optional(hints[field]), kind.startswith("option<"), field)
                        listed = typing.get_origin(hints[field]) is list
                        self.assertEqual(listed, kind.startswith("list<"), field)
                checked += 1
        self.assertGreaterEqual(checked, 22)

    def test_all_that_a_scan_nests_is_a_class_of_ours(self) -> None:
        nested = typing.get_type_hints(reports.ScanReport)
        for name in ("kinds", "anomalies", "findings"):
            (inner,) = typing.get_args(nested[name])
            self.assertTrue(dataclasses.is_dataclass(inner), name)

    def test_the_interfaces_for_node_have_the_same_fields(self) -> None:
        known, checked = interfaces(), 0
        for name in ("journal", "storage", "types"):
            for record, fields in records(name).items():
                cls = None if record in SPECIAL else named(record)
                if cls is None or cls.__name__ not in known or record in ("draft", "retention"):
                    continue  # Not in Node, or with defaults there.
                expected = {camel(field): kind.startswith("option<") for field, kind in fields.items()}
                self.assertEqual(known[cls.__name__], expected, record)
                checked += 1
        self.assertGreaterEqual(checked, 17)

    def test_every_function_of_the_groups_is_answered(self) -> None:
        self.assertEqual(set(host_groups._GROUPS), functions("groups"))
        self.assertEqual(set(host_groups._CLAIMS), functions("claims"))

    def test_every_function_of_the_disk_is_answered(self) -> None:
        linker, given = mock.MagicMock(), set()
        instance = linker.root().__enter__().add_instance().__enter__()
        instance.add_func = lambda name, _: given.add(name)
        Disk(FileStore("x"), False).link(linker, Interrupts())
        self.assertEqual(given, functions("disk"))
        causes = re.search(r"enum cause \{(.*?)\}", interface("disk"), re.S)
        self.assertLessEqual({*disk._CAUSES.values(), "other"}, set(re.findall(r"[\w-]+", causes[1])))

    def test_the_words_for_errors_are_those_of_the_contract(self) -> None:
        cases = re.search(r"variant storage-error \{(.*?)\}", interface("storage"), re.S)
        self.assertEqual(set(errors.STORE_CODES), set(re.findall(r"([\w-]+)\(", cases[1])))
        words = re.search(r"enum written \{(.*?)\}", interface("types"), re.S)
        self.assertEqual(list(errors.WRITTEN), re.findall(r"([\w-]+),", words[1]))


if __name__ == "__main__":
    unittest.main()
