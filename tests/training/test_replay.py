"""The memory keeps the latest groups, draws without repetition, and gives back what went in."""

import torch

from reprs.training.replay import Group, Replay


def group(number: int) -> Group:
    filled = torch.full((2, 3, 4), float(number))
    return Group((filled, filled[..., :1]), torch.rand(3, 5), torch.ones(3, 2, dtype=torch.bool), filled)


def test_only_the_latest_are_kept():
    memory = Replay(3)
    memory.add([group(i) for i in range(5)])
    drawn = memory.draw(3, torch.Generator().manual_seed(0))
    assert sorted(float(g.change[0, 0, 0]) for g in drawn) == [2, 3, 4]


def test_a_draw_holds_no_group_twice_and_is_decided_by_the_generator():
    memory = Replay(100)
    memory.add([group(i) for i in range(100)])
    first, again, other = (memory.draw(20, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    numbers = [[float(g.change[0, 0, 0]) for g in drawn] for drawn in (first, again, other)]
    assert len(set(numbers[0])) == 20 and numbers[0] == numbers[1] != numbers[2]


def test_views_return_in_single_precision_to_three_digits():
    memory = Replay(1)
    kept = Group(
        (torch.randn(2, 3, 50),), torch.rand(3, 5), torch.ones(3, 2, dtype=torch.bool), torch.randn(2, 3, 7)
    )
    memory.add([kept])
    (drawn,) = memory.draw(1, torch.Generator())
    assert drawn.views[0].dtype == torch.float32
    assert torch.allclose(drawn.views[0], kept.views[0], rtol=1e-3, atol=1e-6)
    assert torch.equal(drawn.z, kept.z) and torch.equal(drawn.change, kept.change)


def test_singles_are_one_chain_of_a_group_with_its_own_labels():
    memory = Replay(50)
    memory.add([_numbered(i) for i in range(50)])
    singles = memory.singles(200, torch.Generator().manual_seed(0))
    assert len(singles) == 200 and len({float(s.views[0][0, 0, 0]) for s in singles}) > 40
    for single in singles:
        (x, y), z, change = single.views[0][:, 0, 0].tolist(), single.z[0, 0], single.change[:, 0, 0]
        assert x == y == float(z) and change.tolist() == [x, x]
        assert single.views[0].shape == (2, 1, 4) and single.mask.shape == (1, 2)
    assert {float(s.z[0, 0]) % 10 for s in singles} == {0, 1, 2}


def _numbered(i: int) -> Group:
    """Three chains; everything of chain k of group i is 10 i + k."""
    number = 10.0 * i + torch.arange(3)
    two = number.repeat(2, 1)[..., None]
    return Group(
        (two.expand(-1, -1, 4),), number[:, None].expand(-1, 5), torch.ones(3, 2, dtype=torch.bool), two
    )


def test_a_folder_outlives_the_memory_and_holds_as_much(tmp_path):
    first = Replay(4)
    first.keep_in(tmp_path, "one encoder")
    for i in range(3):
        first.add([_numbered(2 * i), _numbered(2 * i + 1)])
    again, other = Replay(4), Replay(4)
    again.keep_in(tmp_path, "one encoder")
    other.keep_in(tmp_path, "another encoder")
    assert len(again) == 4 and len(other) == 0
    names = [path.suffix for path in tmp_path.iterdir()]
    assert names == [".safetensors"] * 2  # the oldest file went, and nothing is half written
    for kept, read in zip(first.groups, again.groups, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(kept.views, read.views, strict=True))
        assert all(torch.equal(a, b) for a, b in zip(kept[1:], read[1:], strict=True))
