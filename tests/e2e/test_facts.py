"""tests/facts.tsv: every number of the history pages has its test, has no effect here, or waits for an issue by name."""
import glob
import os
import re
import subprocess

from harness import BUILD, TOP, Skip, run

NUMBER = re.compile(r"^(SQ|R|S|P|I|D|C|W|K|O)-\d{2,3}$")


def rows():
    with open(os.path.join(TOP, "tests", "facts.tsv"), encoding="utf-8") as f:
        for line in f.read().splitlines():
            if line and not line.startswith("#"):
                number, _, what = line.partition("\t")
                yield number, what


def known_tests():
    """What the built test programs and the end-to-end scripts can run."""
    names = set()
    for program in glob.glob(os.path.join(BUILD, "tests", "unit", "test-*")):
        if os.access(program, os.X_OK) and os.path.isfile(program) and "." not in os.path.basename(program):
            out = subprocess.run([program, "-l"], capture_output=True, text=True, timeout=120,
                                 env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0", "IMS_TEST_SRCDIR": TOP}).stdout
            names |= {line.strip() for line in out.splitlines() if line.startswith("/")}
    for script in glob.glob(os.path.join(TOP, "tests", "e2e", "test_*.py")):
        with open(script, encoding="utf-8") as f:
            names |= {f"{os.path.basename(script)[:-3]}:{name}" for name in re.findall(r"^def (test_\w+)", f.read(), re.M)}
    assert len(names) > 500, f"only {len(names)} tests were found; are the unit tests built?"
    return names


def test_every_row_is_well_formed_and_stands_once():
    seen = set()
    for number, what in rows():
        assert NUMBER.match(number), number
        assert number not in seen, f"{number} stands twice"
        seen.add(number)
        assert what.startswith(("/", "test_", "no effect here, because ", "later: ")), (number, what)
    assert len(seen) > 1000


def test_every_named_test_exists():
    names = known_tests()
    missing = [(n, w) for n, w in rows() if w.startswith(("/", "test_")) and w not in names]
    assert not missing, missing[:10]


def test_no_number_of_the_history_pages_is_missing():
    pages = glob.glob(os.path.join(os.path.dirname(TOP), "shared", "history", "*.md"))
    if not pages:
        raise Skip("the history pages are not beside this checkout")
    text = "".join(open(page, encoding="utf-8").read() for page in pages)
    wanted = set(re.findall(r"\[((?:SQ|R|S|P|I|D|C|W|K|O)-\d{2,3})\]", text)) | set(re.findall(r"^\| ((?:K|R)-\d{2,3}) \|", text, re.M))
    have = {number for number, _ in rows()}
    assert not wanted - have, sorted(wanted - have)[:20]
    assert not have - wanted, sorted(have - wanted)[:20]


run(globals())
