"""CITATION.cff is valid and has the current version."""

import re

import yaml

from tests.docs.commands import ROOT


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    for field in ("version", "license"):
        assert citation[field] == re.search(rf'^    {field}="(.+)",$', setup, re.M)[1]
    (paper,) = citation["references"]
    assert paper["url"] in (ROOT / "README.md").read_text(encoding="utf-8")
