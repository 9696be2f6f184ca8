"""What the tests of the scripts of tables are started with: --nepenthe, the binary, and --material, what tests stand on."""

import argparse
import os
import sys
import unittest

_parser = argparse.ArgumentParser()
_parser.add_argument("--nepenthe", required=True)
_parser.add_argument("--material", required=True)
OPTIONS, _rest = _parser.parse_known_args()


def main():
    os.environ.setdefault("NEPENTHE_THREADS", "1")
    unittest.main(argv=[sys.argv[0], *_rest])
