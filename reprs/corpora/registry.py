"""Corpora by name, for configs and the command line: `registry["builtin"](n_songs=200)`."""

from __future__ import annotations

from collections.abc import Callable

from reprs.corpora.builtin import BuiltinCorpus
from reprs.corpora.captioned import CaptionedCorpus
from reprs.corpora.debian import DebianCorpus
from reprs.corpora.folder import FolderCorpus
from reprs.corpora.freepats import FreepatsCorpus
from reprs.corpora.item import Corpus
from reprs.corpora.midi import MidiCorpus
from reprs.corpora.sample_packs import SamplePackCorpus
from reprs.corpora.shards import ShardsCorpus
from reprs.corpora.soundfonts import SoundfontCorpus
from reprs.corpora.stems import StemsCorpus

CORPORA = (
    BuiltinCorpus,
    FolderCorpus,
    StemsCorpus,
    DebianCorpus,
    MidiCorpus,
    SoundfontCorpus,
    FreepatsCorpus,
    SamplePackCorpus,
    CaptionedCorpus,
    ShardsCorpus,
)
registry: dict[str, Callable[..., Corpus]] = {corpus.name: corpus for corpus in CORPORA}
