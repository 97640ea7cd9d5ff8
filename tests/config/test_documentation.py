"""The documents that name things of the code name all of them, and nothing else."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = [ROOT / "config" / "settings.py", ROOT / "gunicorn.conf.py"]
ELSEWHERE = {"TEST_DATABASE_URL", "CI", "MIGRATION_WAIT"}  # read by bin/ and tests/


def read(name: str) -> str:
    return (ROOT / name).read_text()


def variables_in_code() -> set[str]:
    return {
        name for file in CODE for name in re.findall(r"""\benv\.\w+\(\s*["']([A-Z_]+)["']""", file.read_text())
    }


def test_each_variable_is_documented_and_no_other():
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", read("docs/configuration.md"), re.MULTILINE))

    assert documented == variables_in_code() | ELSEWHERE


def test_the_example_names_each_variable_of_production():
    named = set(re.findall(r"^#?([A-Z_]+)=", read(".env.example"), re.MULTILINE))

    assert named == variables_in_code()


@pytest.mark.parametrize("file", ["base", "dev"])
def test_each_dependency_has_its_reason(file):
    reasons = read("docs/dependencies.md")

    wanted = re.findall(r"^([a-z0-9-]+)(?:\[\w+\])?==", read(f"requirements/{file}.in"), re.MULTILINE)

    assert [name for name in wanted if not re.search(rf"^\|.*\b{name}\b.*\|", reasons, re.MULTILINE)] == []


def links() -> list[tuple[str, str]]:
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/adr/*.md")]
    return [
        (str(document.relative_to(ROOT)), target)
        for document in documents
        for target in re.findall(r"\]\(([^)#\s]+)", document.read_text())
        if "://" not in target
    ]


@pytest.mark.parametrize(("document", "target"), links())
def test_links_lead_somewhere(document, target):
    assert ((ROOT / document).parent / target).exists()


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:\w+/)+\w+\.\w+)`", read("ARCHITECTURE.md")))))
def test_files_of_the_map_exist(path):
    assert (ROOT / path).exists()


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:\w+/)+(?:\w+\.py)?)`", read("docs/coverage.md"))) - {"inbox/"})
)
def test_tests_that_the_coverage_names_exist(path):
    assert (ROOT / "tests" / path).exists()
