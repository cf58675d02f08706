"""The shared sections of a console (groups, buses, master) and where their knobs lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from reprs.console.fader import FADER
from reprs.effects import Chain, Param


@dataclass(frozen=True)
class Section:
    """A chain with a name: its knobs and switches, as they are called, and their columns of the shared ones.

    The knobs are those of the chain, then those of the desk, such as a fader.
    """

    name: str
    chain: Chain
    params: Mapping[str, Param]
    switches: tuple[str, ...]
    knobs_at: slice
    switches_at: slice

    def of_chain(self, shared: Tensor) -> Tensor:
        """The chain's knobs among the shared ones `(B, Ps, …)`."""
        return shared[:, self.knobs_at][:, : len(self.chain)]

    def of_desk(self, shared: Tensor) -> Tensor:
        """The section's knobs that are not the chain's."""
        return shared[:, self.knobs_at][:, len(self.chain) :]

    def on(self, shared_on: Tensor | None) -> Tensor | None:
        """The section's switches `(B, E)`; None is all on."""
        return None if shared_on is None else shared_on[:, self.switches_at]


def sections(
    groups: Mapping[str, Chain],
    buses: Mapping[str, Chain],
    master: Chain | None,
    sends: Mapping[str, Param],
) -> dict[str, Section]:
    """The shared sections one after another: groups with fader and sends, buses with one switch, the master.

    Raises ValueError where two have one name.
    """
    found: dict[str, Section] = {}
    for name, chain in groups.items():
        _add(found, name, chain, {**chain.params, "fader_db": FADER, **sends}, chain.names)
    for name, chain in buses.items():
        # A bus that is one effect has short names: "reverb.decay_s" rather than "reverb.reverb.decay_s".
        params = chain.effects[0].params if len(chain.effects) == 1 else chain.params
        _add(found, name, chain, params, None)
    if master is not None:
        _add(found, "master", master, master.params, master.names)
    return found


def _add(
    found: dict[str, Section],
    name: str,
    chain: Chain,
    params: Mapping[str, Param],
    switches: list[str] | None,
) -> None:
    if name in found or not name:
        raise ValueError(f"a console has one section of each name; {name!r} is there twice or empty")
    start = sum(len(section.params) for section in found.values())
    first = sum(len(section.switches) for section in found.values())
    called = (name,) if switches is None else tuple(f"{name}.{switch}" for switch in switches)
    found[name] = Section(
        name,
        chain,
        {f"{name}.{knob}": param for knob, param in params.items()},
        called,
        slice(start, start + len(params)),
        slice(first, first + len(called)),
    )
