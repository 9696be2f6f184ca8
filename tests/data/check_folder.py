#!/usr/bin/env python3
"""Whether a folder of published data is complete: check_folder.py FOLDER

The files and their SHA-256 digests are those of docs/testing.md; whatever is missing or differs is named.
"""
import hashlib
import pathlib
import re
import sys

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/testing.md"


def listed():
    """{path: digest} of the page's lines "    DIGEST  PATH"."""
    return {path: digest for digest, path in re.findall(r"^ {4}([0-9a-f]{64})  (\S.*)$", PAGE.read_text(encoding="utf-8"), re.M)}


def main():
    folder = pathlib.Path(sys.argv[1])
    if not folder.is_dir():
        raise SystemExit(f"NEPENTHE_DATA={folder} is no folder; docs/testing.md says what belongs into it")
    files = listed()
    wrong = []
    for path, digest in files.items():
        try:
            found = hashlib.sha256((folder / path).read_bytes()).hexdigest()
        except OSError as error:
            wrong.append(f"{path}: {error.strerror}")
            continue
        if found != digest:
            wrong.append(f"{path}: its digest is {found}, that of docs/testing.md {digest}")
    print(*wrong, sep="\n")
    print(f"{len(files) - len(wrong)} of {len(files)} files in {folder} are as docs/testing.md lists them")
    return 1 if wrong or not files else 0


if __name__ == "__main__":
    sys.exit(main())
