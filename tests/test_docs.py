"""The pages keep what they promise: links lead somewhere, and Python in them runs as it stands."""

import re
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    p for folder in (".", "docs", "docs/decisions", "checkpoints") for p in (ROOT / folder).glob("*.md")
)
CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target, place in re.findall(r"\]\(((?!https?://)[^)#]*)(#[^)]*)?\)", text):
        there = page.parent / target if target else page
        assert there.exists(), target
        if place:
            heads = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            assert place[1:] in [re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in heads], place


@pytest.mark.parametrize("name", ["README.md", "docs/console.md", "docs/automation_and_streaming.md"])
def test_python_on_the_page_runs(name, tmp_path, monkeypatch):
    """With what the reader brings: audio, and where a chain is in place, that chain."""
    from reprs.effects import Chain, registry

    monkeypatch.chdir(tmp_path)
    generator = torch.Generator().manual_seed(0)
    x = 0.1 * torch.randn(1, 2, 22_050, generator=generator)
    given = {
        "audio": x[0],
        "x": x,
        "sample_rate": 44_100,
        "frequencies_hz": torch.tensor([100.0, 1_000.0]),
        "chain": Chain([registry["lowpass"], registry["gain"]]),
        "blocks": x.split(4_000, dim=2),
        "play": lambda block: block,
    }
    blocks = CODE.findall((ROOT / name).read_text(encoding="utf-8"))
    assert len(blocks) >= 2
    for block in blocks:
        exec(compile(block, name, "exec"), given)
