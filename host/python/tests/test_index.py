"""The index beside a journal."""

from __future__ import annotations

import unittest

from in_directory import InDirectory


class IndexTest(InDirectory):
    def test_the_text_that_was_saved_last_comes_back(self) -> None:
        store = self.store()
        self.assertEqual(store.load_index(), "")
        for text in ("ü" * (4 << 20), "small"):
            store.save_index(text)
            self.assertEqual(store.load_index(), text)
        self.assertEqual([one.name for one in self.dir.iterdir()], [".events.ndjson.papyra-checkpoint"])

    def test_a_text_longer_than_the_contract_allows_is_not_an_index(self) -> None:
        store = self.store()
        store.save_index("x" * ((8 << 20) + 1))
        self.assertEqual(store.load_index(), "")


if __name__ == "__main__":
    unittest.main()
