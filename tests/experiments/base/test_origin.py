"""The origin of a run: the commit of its source, if there is one."""

import subprocess

import pytest

from experiments.base import origin
from experiments.runs.workdir import WorkDirectory


@pytest.fixture
def tree(tmp_path):
    """Makes a git checkout with one commit."""

    def git(*arguments):
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        return subprocess.run(
            ["git", "-C", tmp_path, *who, *arguments], check=True, capture_output=True, text=True
        ).stdout.strip()

    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "file").write_text("a")
    git("init")
    git("add", ".")
    git("commit", "-m", "first")
    git("tag", "v1")
    return tmp_path, git("rev-parse", "HEAD")


def test_a_commit_says_whether_the_source_is_that_of_it(tree):
    folder, head = tree
    assert len(head) == 40
    assert origin.commit(folder) == head
    (folder / "notes").write_text("")
    assert origin.commit(folder) == head
    (folder / "package" / "file").write_text("b")
    assert origin.commit(folder) == head + "+changes"


def test_source_without_history_of_its_own_has_no_commit(tree, tmp_path_factory):
    assert origin.commit(tree[0] / "package") is None
    empty = tmp_path_factory.mktemp("empty")
    (empty / ".git").mkdir()
    assert origin.commit(empty) is None


def test_a_run_that_left_none_has_empty_fields(tmp_path):
    fields = dict.fromkeys(("command", "commit", "date", "machine"))
    assert WorkDirectory(tmp_path).read_origin() == fields
    assert set(origin.describe("python -m it")) == set(fields)
