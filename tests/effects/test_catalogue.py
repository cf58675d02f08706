"""docs/effects.md is what the declarations say."""

from pathlib import Path

import pytest

from reprs.effects import registry, unit_of
from reprs.effects.catalogue import markdown

PAGE = Path(__file__).parents[2] / "docs" / "effects.md"


def test_the_committed_page_is_current():
    assert PAGE.read_text() == markdown(registry), "run `make docs`"


@pytest.mark.parametrize("name", sorted(registry))
def test_every_knob_is_on_the_page_with_its_unit(name):
    section = markdown(registry).split(f"\n## {name}\n")[1].split("\n## ")[0]
    for knob, param in registry[name].params.items():
        (line,) = [line for line in section.splitlines() if line.startswith(f"| {knob} |")]
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert (float(cells[1]), float(cells[2])) == (param.min, param.max)
        assert cells[4] == unit_of(knob) and cells[5] == param.scale
    for option in registry[name].options:
        assert f"`{option}`" in section
    assert ("side-chain" in section.splitlines()[-1]) == registry[name].takes_sidechain


def test_the_contents_link_to_every_section():
    page = markdown(registry)
    for name in registry:
        assert f"[{name}](#{name})" in page and f"\n## {name}\n" in page
