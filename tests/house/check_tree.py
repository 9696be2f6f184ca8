#!/usr/bin/env python3
"""Checks the tree against the house's rules: what modules and their folders may include, and what no file may hold.

    check_tree.py SOURCE_DIR     prints every breach as "file:line: what and why"; exit code 1 when there is one
    check_tree.py --self-test    proves on small made-up trees that each breach is found
"""
import pathlib
import re
import sys
import tempfile

# Module -> the modules it may include, besides itself: base <- io <- dist <- store <- {text, kernels} <- model <- train <-
# {unlearn, edit} <- evaluate <- audit; kernels sees base only; report sees base, io and store only; pipelines see all.
ORDER = ["base", "io", "dist", "store", "text", "kernels", "model", "train"]
MAY_INCLUDE = {name: set(ORDER[:i]) for i, name in enumerate(ORDER)}
MAY_INCLUDE["kernels"] = {"base"}
MAY_INCLUDE["unlearn"] = MAY_INCLUDE["edit"] = set(ORDER)
MAY_INCLUDE["evaluate"] = set(ORDER) | {"unlearn", "edit"}
MAY_INCLUDE["audit"] = set(ORDER) | {"unlearn", "edit", "evaluate"}
MAY_INCLUDE["report"] = {"base", "io", "store"}

# A module that outgrew one folder: each of its folders -> those of its folders that it may include. What lies in the
# module itself puts the folders together: it sees all of them, they do not see it.
FOLDERS = {
    "text": {"jinja": set()},
    "model": {"family": set()},
    "unlearn": {"anchors": set(), "finding": {"anchors"}, "relabel": {"anchors"}, "data": set(), "start": set(), "attribution": set(), "repair": set(),
                "objectives": {"relabel", "data", "start"}},
    "edit": {"facts": set(), "solve": set(), "published": set(), "keys": {"facts", "solve"}, "values": {"facts"},
             "trace": set(), "memories": {"facts", "values", "published"}},
}

# Headers of heavy libraries, and the modules that may see them.
LIBRARIES = [
    (re.compile(r"^(torch|ATen|c10)/"), "torch", {"kernels", "model", "train", "unlearn", "edit", "evaluate"}),
    (re.compile(r"^(mpi|mpi-ext)\.h$"), "MPI", {"dist", "store"}),
    (re.compile(r"^(hdf5|H5[A-Za-z]*)\.h$"), "HDF5", {"dist", "store"}),
    (re.compile(r"^(nccl|cuda_runtime\w*|cuda)\.h$"), "NCCL and CUDA", {"dist"}),
]

FAULT_POINT = re.compile(r'\bfault_point\("([^"]+)"\)')
FAULT_NAME = re.compile(r'^ +"([\w.]+)",', re.MULTILINE)  # a line of the table of points
PARSERS = "tests/fuzz/parsers.txt"
READS_BYTES = re.compile(r"\b(parse_json\(|read_file\(|read_text\(|for_each_json_line\(|read_documents\(|Json::parse\(|MappedFile\b|"
                         r"H5Reader\b|SafetensorsFile\b|std::ifstream\b)")
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')

# Written in pieces, so that this file does not hold what it looks for.
FORBIDDEN = [
    (re.compile(r"\b(" + "TO" + "DO|" + "FIX" + "ME|" + "XX" + "X)\\b"), "an unfinished thought; finish it or open an issue"),
    (re.compile("GTEST" + "_SKIP"), "a test that lacks what it needs fails, it does not skip"),
    (re.compile(r"(?<![\w.$}~])/(?:" + "work|" + "home/" + r"\w+" + "|root)/" + r"[\w.]"), "a path of one machine"),
]
# What code, tests and scripts may not read: places outside the repository and the set-up's folder. Continuous integration
# alone knows a folder beside its checkout (.ci/run); everybody else is given one by NEPENTHE_DATA.
OUTSIDE = [
    re.compile(r"\.\./shared\b|NEPENTHE_SHARED" + r"_DATA"),
    re.compile(r"(SOURCE_DIR\}?|\$\{?root\}?|\$\{?checkout\}?)\"?\s*/?\s*\"?/?\.\./"),
    re.compile(r"(?<![\w.$}~:])/(?:mnt|media|srv|scratch|data|shared|Users)/\w"),
]
# What only <algorithm> is sure to declare: other headers bring it with one standard library and not with the next.
ALGORITHM = re.compile(r"\bstd::(?:ranges::)?(?:sort|stable_sort|nth_element|find|find_if|count|count_if|(?:min|max|minmax)_element|min|max|clamp|"
                       r"all_of|any_of|none_of|transform|copy_n|fill_n|lower_bound|upper_bound|partition_point|reverse|unique|shuffle|remove_if)\(")
LONGEST_LINE = 120  # of a page; rows of tables and digests cannot be broken
UNBREAKABLE = re.compile(r"^\s*(\||[0-9a-f]{64}\b)")
ABOVE = re.compile(r"\bparents\[(\d+)\]")  # of the file's own path, in Python
SCRIPTS = {".py", ".sh", ".cmake", ".sbatch"}
BINARY = {".safetensors", ".png", ".h5", ".gz", ".pyc", ".bin", ".npz", ".npy"}
# Folders that hold what a build or a run made, and test material that is data, not our text.
SKIPPED_FOLDERS = {"build", "outputs", ".git", ".cache", "__pycache__", "corpus"}
CODE = {".h", ".cpp", ".cu", ".hpp"}


def files_of(root):
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if path.is_file() and parts != (".git",) and not SKIPPED_FOLDERS.intersection(parts[:-1]):  # .git: of a worktree
            yield path, parts


def include_breaches(parts, line):
    match = INCLUDE.match(line)
    if not match:
        return
    own = parts[1] if parts[0] == "src" else None
    quoted, header = match.group(1) == '"', match.group(2)
    target = header.split("/")[0]
    if own is not None and quoted and target != own and target in MAY_INCLUDE:
        if target not in MAY_INCLUDE.get(own, set()):
            yield f"src/{own} may not include {header}: arrows go from {own} to {sorted(MAY_INCLUDE.get(own, set()))} only"
    if quoted and target == own and own in FOLDERS and len(parts) > 3:
        folder, other = parts[2], header.split("/")[1] if header.count("/") > 1 else None
        if other != folder and other not in FOLDERS[own].get(folder, set()):
            yield (f"src/{own}/{folder} may not include {header}: "
                   f"arrows go from it to {sorted(FOLDERS[own].get(folder, set()))} only")
    if own is not None and quoted and "/" not in header:
        yield f'write "{own}/{header}": includes name their module'
    for pattern, library, modules in LIBRARIES:
        if own is not None and pattern.match(header) and own not in modules:
            yield f"src/{own} may not see {library} ({header}); only {sorted(modules)} may"


def reads_outside(parts, line):
    """Whether a line of code names a place outside the repository."""
    if parts[0] == ".ci":
        return None
    for pattern in OUTSIDE:
        match = pattern.search(line)
        if match:
            return match.group(0)
    match = ABOVE.search(line)
    return match.group(0) if match and int(match.group(1)) >= len(parts) else None


def fault_point_breaches(root):
    """A place where a test can break the program is there because a test does, and is known by its name."""
    tested = "\n".join(path.read_text(encoding="utf-8", errors="replace") for path, parts in files_of(root)
                       if parts[0] == "tests" and path.suffix in {".cpp", ".h", ".py", ".sh", ".txt"})
    table = root / "src/base/fault.h"
    known = FAULT_NAME.findall(table.read_text(encoding="utf-8")) if table.exists() else None
    used = set()
    for path, parts in files_of(root):
        if parts[0] != "src" or path.suffix not in CODE:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
            for point in FAULT_POINT.findall(line):
                used.add(point)
                if known is not None and point not in known:
                    yield f'{path.relative_to(root)}:{number}: the fault point "{point}" is not in {table.relative_to(root)}'
                if not re.search(r"(?<![\w.])" + re.escape(point) + r"(?![\w.])", tested):
                    yield f'{path.relative_to(root)}:{number}: no test arms the fault point "{point}"'
    for point in known or ():
        if point not in used:
            yield f'{table.relative_to(root)}: nothing passes the fault point "{point}"'


def parser_breaches(root):
    """Whatever reads bytes from outside is in the list of parsers, with a fuzz target that exists or a reason."""
    listing = root / PARSERS
    if not listing.exists():
        return
    listed, used = {}, set()
    for number, line in enumerate(listing.read_text(encoding="utf-8").split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        source, *targets = line.split()
        listed[source] = number
        if not targets or targets == ["-"]:
            yield f"{PARSERS}:{number}: {source} has neither a target nor a reason"
        if targets[:1] != ["-"]:
            used.update(targets)
            for target in targets:
                if not (root / f"tests/fuzz/{target}_target.cpp").exists():
                    yield f"{PARSERS}:{number}: there is no target {target}"
        if not (root / source).exists() or not READS_BYTES.search((root / source).read_text(encoding="utf-8")):
            yield f"{PARSERS}:{number}: {source} is gone, or reads nothing from outside"
    for path, parts in files_of(root):
        name = "/".join(parts)
        if parts[0] in {"src", "pipelines"} and path.suffix == ".cpp" and name not in listed:
            if READS_BYTES.search(path.read_text(encoding="utf-8")):
                yield f"{name}: reads bytes from outside and is not in {PARSERS}"
        if parts[:2] == ("tests", "fuzz") and path.name.endswith("_target.cpp") and path.name[:-len("_target.cpp")] not in used:
            yield f"{name}: {PARSERS} gives it nothing to cover"


def unnamed_definitions(text):
    """Names that a source defines at the level of its unnamed namespaces, functions with their parameters, and lines."""
    inside = False
    lines = text.split("\n")
    for i, line in enumerate(lines):
        inside = (inside or line == "namespace {") and line != "}  // namespace"
        if not inside or not line or not (line[0].isalpha() or line[0] == "_"):
            continue
        kind = re.match(r"(?:struct|class|enum class|enum) (\w+)[^;]*$|using (\w+) =|typedef .*?(\w+) __attribute__", line)
        if kind:
            yield next(filter(None, kind.groups())), i + 1
            continue
        whole = line
        for j in range(i + 1, min(i + 12, len(lines))):
            if re.search(r"[{;]", whole):
                break
            whole += " " + lines[j].strip()
        function = re.match(r"[\w:<>,\s*&]*?\b(\w+)\(([^{;]*)\)[^{};]*\{", whole)
        if function and "=" not in whole[:function.start(2)]:
            parameters = re.sub(r"\s*=[^,]*", "", function.group(2))
            types = [re.sub(r"(?<=[\w>*&])\s+\w+$|(?<=[*&>])\w+$", "", one.strip()) for one in re.split(r",(?![^<]*>)", parameters)]
            yield f"{function.group(1)}({', '.join(types)})", i + 1
        elif re.match(r"(inline |static )?const", line):
            for name in re.findall(r"\b(k[A-Z]\w*)(?:\[[^=]*\])?\s*[={]", whole):
                yield name, i + 1


TYPE = re.compile(r"(?:struct|class|enum class) (\w+)(?: final)?(?: : [^;]*)? \{")


def batch_breaches(root):
    """Sources of a module are compiled in batches (CMAKE_UNITY_BUILD), in which unnamed namespaces are one. Two types of
    one name would be undefined behaviour whatever is compiled with what."""
    known = {}
    for path, parts in files_of(root):
        module = parts[1] if parts[0] == "src" and len(parts) > 2 else parts[0]
        if path.suffix not in CODE or parts[0] not in {"src", "pipelines"}:
            continue
        text = path.read_text(encoding="utf-8")
        names = set(unnamed_definitions(text)) if path.suffix == ".cpp" else set()
        names |= {(match.group(1), text.count("\n", 0, match.start()) + 1)
                  for match in re.finditer("^" + TYPE.pattern, text, re.MULTILINE)}
        for name, number in sorted(names):
            here = f"{path.relative_to(root)}:{number}"
            other = known.setdefault((module, name), path)
            if other != path:
                yield f"{here}: {name} is in {other.relative_to(root)} too; share it, or give each its own name"


def breaches(root):
    yield from fault_point_breaches(root)
    yield from parser_breaches(root)
    yield from batch_breaches(root)
    for path, parts in files_of(root):
        if parts[0] == "src" and (len(parts) < 2 or parts[1] not in MAY_INCLUDE):
            yield f"{path.relative_to(root)}: not in a module of the house"
            continue
        if parts[0] == "src" and len(parts) > 3 and parts[2] not in FOLDERS.get(parts[1], {}):
            yield f"{path.relative_to(root)}: not in a folder that src/{parts[1]} is known to have"
            continue
        if path.suffix in BINARY:
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        is_code = path.suffix in CODE
        is_data = path.suffix in {".json", ".jsonl", ".txt"} and path.name != "CMakeLists.txt"
        used = ALGORITHM.search(text) if is_code else None
        if used and "#include <algorithm>" not in text:
            yield f"{path.relative_to(root)}: {used.group(0)}) without #include <algorithm>"
        for number, line in enumerate(text.split("\n"), 1):
            place = f"{path.relative_to(root)}:{number}"
            if is_code:
                for reason in include_breaches(parts, line):
                    yield f"{place}: {reason}"
            if is_data:
                continue
            if path.suffix == ".md" and len(line) > LONGEST_LINE and not UNBREAKABLE.match(line):
                yield f"{place}: {len(line)} characters; a page's lines have at most {LONGEST_LINE}"
            outside = reads_outside(parts, line) if is_code or path.suffix in SCRIPTS or path.name == "CMakeLists.txt" else None
            if outside:
                yield f"{place}: \"{outside}\": outside the repository; what tests need is made (tests/material) or given (NEPENTHE_DATA)"
            for pattern, reason in FORBIDDEN:
                match = pattern.search(line)
                if match:
                    yield f"{place}: \"{match.group(0)}\": {reason}"


def self_test():
    """Every made-up breach is found, and nothing else."""
    slash = "/"
    trees = [
        ("src/io/a.h", '#include "store/artefact.h"', "may not include"),
        ("src/unlearn/a.cpp", '#include "edit/rome.h"', "may not include"),
        ("src/edit/a.cpp", '#include "unlearn/relabel/labels.h"', "may not include"),
        ("src/report/a.cpp", '#include "dist/comm.h"', "may not include"),
        ("src/edit/solve/a.cpp", '#include "edit/facts/facts.h"', "may not include"),
        ("src/edit/facts/a.cpp", '#include "edit/edit.h"', "may not include"),
        ("src/edit/misc/a.h", "", "not in a folder"),
        ("src/model/misc/a.h", "", "not in a folder"),
        ("src/kernels/a.cpp", '#include "io/file.h"', "may not include"),
        ("src/text/a.cpp", '#include "kernels/top_k.h"', "may not include"),
        ("src/text/a.cpp", '  #  include "model/config.h"', "may not include"),
        ("src/text/a.cpp", "#include <torch/types.h>", "may not see torch"),
        ("src/store/a.h", "#include <ATen/core/Tensor.h>", "may not see torch"),
        ("src/model/a.h", "#include <mpi.h>", "may not see MPI"),
        ("src/unlearn/a.cpp", "#include <hdf5.h>", "may not see HDF5"),
        ("src/io/a.cpp", '#include "file.h"', "includes name their module"),
        ("src/misc/a.h", "", "not in a module"),
        ("src/io/a.cpp", "const auto most = std::max(a, b);", "without #include <algorithm>"),
        ("src/io/a.cpp", "#include <algorithm>\nconst auto most = std::max(a, b);", None),
        ("tests/a.cpp", "GTEST" + "_SKIP();", "fails"),
        ("docs/a.md", "TO" + "DO: more", "unfinished"),
        ("scripts/a.sh", f"cd {slash}work{slash}x", "a path of one machine"),
        ("scripts/a.sh", f"cd {slash}home{slash}me{slash}x", "a path of one machine"),
        ("tests/io/a.cpp", f'open(NEPENTHE_SHARED{"_DATA"} "/x");', "outside the repository"),
        ("tests/CMakeLists.txt", f"set(x ${{CMAKE_SOURCE_DIR}}/..{slash}other/x)", "outside the repository"),
        ("scripts/a.sh", f"cat ..{slash}shared/x", "outside the repository"),
        ("scripts/a.sh", f"cat $root/..{slash}x", "outside the repository"),
        ("src/io/a.cpp", f'open("{slash}mnt{slash}disk");', "outside the repository"),
        ("tests/io/a.py", "pathlib.Path(__file__).resolve().parents" + "[3]", "outside the repository"),
        ("tests/io/a.py", "pathlib.Path(__file__).resolve().parents" + "[2]", None),
        (".ci/run", f"published=..{slash}shared{slash}data", None),
        ("docs/a.md", "word " * 30, "at most 120"),
        ("docs/a.md", "| cell " * 30, None),
        ("src/store/a.cpp", 'fault_' + 'point("blocks.never");', "no test arms"),
        ("tests/fuzz/parsers.txt", "src/io/a.cpp  -  a reason", "is gone"),
        ("src/base/fault.h", '    "blocks.never",  // before', "nothing passes"),
        ("src/model/a.cpp", '#include "text/tokenizer.h"\n#include <torch/types.h>', None),
        ("src/kernels/a.cpp", '#include "base/error.h"\n#include <torch/types.h>', None),
        ("src/evaluate/a.cpp", '#include "edit/rome.h"\n#include "base/json.h"\n#include <vector>', None),
        ("src/edit/keys/a.cpp", '#include "edit/keys/b.h"\n#include "edit/facts/c.h"\n#include "model/decoder.h"', None),
        ("src/edit/a.cpp", '#include "edit/keys/b.h"\n#include "edit/c.h"', None),
        ("src/store/a.cpp", "#include <hdf5.h>\n#include <mpi.h>", None),
        ("docs/a.md", f"see ~{slash}work{slash}x and $HOME{slash}root{slash}y, https:{slash}{slash}a{slash}work{slash}b", None),
    ]
    # Two sources of a module, of which the second one defines in its unnamed namespace what the first does.
    first = "namespace {\nconstexpr int kOne = 1, kTwo = 2;\nstruct Row {\n};\nint sum(const Row& a,\n        int b = 0) {\n}\n}  // namespace"
    pairs = [
        ("constexpr double kTwo = 2;", "kTwo is in src/io/a.cpp too"),
        ("class Row : public Base {", "Row is in src/io/a.cpp too"),
        ("int sum(const Row& other, int c) {", "sum(const Row&, int) is in src/io/a.cpp too"),
        ("}\nstruct Row {\n};\nnamespace {", "Row is in src/io/a.cpp too"),
        ("int sum(const Row& other) {\n    constexpr int kOne = 1;\n}", None),
    ]
    trees += [("src/io/b.cpp", f"namespace {{\n{line}\n}}  // namespace", expected) for line, expected in pairs]
    failures = 0
    for name, content, expected in trees:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / name
            path.parent.mkdir(parents=True)
            path.write_text(content + "\n", encoding="utf-8")
            if name == "src/io/b.cpp":
                (path.parent / "a.cpp").write_text(first, encoding="utf-8")
            found = list(breaches(pathlib.Path(folder)))
        right = not found if expected is None else len(found) == 1 and expected in found[0]
        if not right:
            print(f"{name} with {content!r}: expected {expected!r}, found {found}")
            failures += 1
    return failures


def main():
    if sys.argv[1:] == ["--self-test"]:
        return 1 if self_test() else 0
    found = list(breaches(pathlib.Path(sys.argv[1])))
    for breach in found:
        print(breach)
    if found:
        print(f"{len(found)} breaches of the house's rules")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
