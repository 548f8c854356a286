#!/usr/bin/env python3
"""What the walk explorer's page shows and does in Chromium. Usage: explorer_test.py TWOFOLD"""

import os
import subprocess
import sys
import tempfile
import unittest

from browser import Browser

COLD = {"4K over 4K": 24, "4K over 2M": 19, "2M over 4K": 19, "2M over 2M": 15}
# By the table of a combined entry and what EPT's caches leave of a nested walk, 4K over 4K.
LEFT_OF_4K = {"cold": 24, "PML4E entry": 15, "PDPTE entry": 10, "PDE entry": 5, "EPT PDE entries": 9,
              "nested TLB": 4, "PDE entry and nested TLB": 1, "TLB": 0, "after INVVPID": 4}
TWOFOLD = sys.argv.pop()


class Explorer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.page = os.path.join(cls.directory.name, "walk.html")
        subprocess.run([TWOFOLD, "explore", "-o", cls.page], check=True)
        cls.browser = Browser()

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        cls.directory.cleanup()

    def setUp(self):
        self.browser.open(self.page)

    def one(self, selector):
        texts = self.browser.texts(selector)
        self.assertEqual(len(texts), 1, selector)
        return texts[0]

    def reads(self):
        return len(self.browser.texts("#grid td.read"))

    def test_the_page_is_small_and_refers_to_nothing_outside_of_itself(self):
        self.assertLess(os.path.getsize(self.page), 500 * 1024)
        self.assertEqual(self.browser.run(
            "return performance.getEntriesByType('resource').length"), 0)

    def test_it_says_when_it_is_ready(self):
        times = self.browser.run(
            "const n = performance.getEntriesByType('navigation')[0];"
            "return [performance.getEntriesByName('ready')[0].startTime, n.responseEnd,"
            " n.domContentLoadedEventEnd, n.loadEventEnd]")
        ready, response, content, load = times
        self.assertGreater(ready, 0)
        print(f"\n{os.path.getsize(self.page)} bytes; ready {ready:.0f} ms after navigation began,"
              f" {ready - response:.0f} ms after the page was read;"
              f" DOMContentLoaded {content:.0f}, load {load:.0f} ms")

    def test_keys_step_forwards_and_backwards_and_each_reference_is_told(self):
        self.browser.press("right", "right", "right", "left")
        self.assertIn("step 2 of 24: 2 reads so far", self.one("#count"))
        self.assertEqual(self.one("#panel h2"), "reference 2: EPT PDPTE")
        self.assertIn("cache miss", self.one("#how"))
        self.assertRegex(self.one("#panel"), r"at hpa 0x[0-9a-f]+ holds 0x[0-9a-f]+: rwx")
        self.assertEqual(len(self.browser.texts("#grid td.now")), 1)
        self.browser.press("end")
        self.assertIn("step 24 of 24: 24 reads so far", self.one("#count"))
        self.browser.press("right", "home", "left")
        self.assertIn("step 0 of 24", self.one("#count"))
        self.browser.press(*["right"] * 5)
        self.assertEqual(self.one("#panel h2"), "reference 5: PML4E")
        self.assertIn("0: 1", self.browser.texts("#bits td")[0])

    def test_the_four_pairs_of_page_sizes_have_the_references_of_the_closed_form(self):
        for key, (name, count) in zip("1234", COLD.items()):
            self.browser.press(key)
            chosen = self.browser.run(
                "return document.getElementById('walk').selectedOptions[0].textContent")
            self.assertEqual((chosen, self.reads()), (name, count))

    def test_each_cache_state_leaves_the_references_of_the_published_table(self):
        for name, count in LEFT_OF_4K.items():
            chosen = self.browser.run(
                "return document.getElementById('state').selectedOptions[0].textContent")
            self.assertEqual((chosen, self.reads()), (name, count))
            self.browser.press("c")
        self.assertLess(self.reads(), 24)  # after INVEPT the walk itself fills EPT's caches
        self.browser.press("C", "C", "right")
        self.assertIn("cache hit: not read, the TLB has it", self.one("#how"))

    def test_light_and_dark_follow_the_reader(self):
        colours = []
        for scheme in ("light", "dark"):
            self.browser.colour_scheme(scheme)
            colours.append(self.browser.run(
                "return getComputedStyle(document.body).backgroundColor"))
        self.assertEqual(colours, ["rgb(255, 255, 255)", "rgb(21, 24, 28)"])

    def test_without_scripts_every_reference_stands_in_a_table(self):
        plain = Browser(scripts=False)
        try:
            plain.open(self.page)
            self.assertEqual(len(plain.texts("noscript table")), 4)
            self.assertEqual(plain.texts("noscript h2"), list(COLD))
            rows = plain.texts("noscript table:first-of-type tr")
            self.assertEqual(plain.texts("#grid td"), [])
            self.assertGreaterEqual(len(rows), 25)
            self.assertRegex(rows[1], r"^1 EPT PML4E 0x[0-9a-f]+ 0x[0-9a-f]+ rwx")
        finally:
            plain.close()


if __name__ == "__main__":
    unittest.main()
