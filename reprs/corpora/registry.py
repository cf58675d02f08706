"""Corpora by name, for configs and the command line: `registry["builtin"](n_songs=200)`."""

from __future__ import annotations

from collections.abc import Callable

from reprs.corpora.builtin import BuiltinCorpus
from reprs.corpora.debian import DebianCorpus
from reprs.corpora.folder import FolderCorpus
from reprs.corpora.item import Corpus
from reprs.corpora.sample_packs import SamplePackCorpus
from reprs.corpora.soundfonts import SoundfontCorpus
from reprs.corpora.stems import StemsCorpus

registry: dict[str, Callable[..., Corpus]] = {
    corpus.name: corpus
    for corpus in (BuiltinCorpus, FolderCorpus, StemsCorpus, DebianCorpus, SoundfontCorpus, SamplePackCorpus)
}
