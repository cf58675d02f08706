"""The Debian packages that hold usable audio: what it is, its licence, and which side of the split it is on.

Roles are disjoint by package, and packages by the same authors or of the same compositions are on the same
side. Licences are those of the audio as the package's copyright file states them; that file is kept beside
the audio.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Literal

Role = Literal["train", "test"]
Kind = Literal["music", "stems", "samples", "speech", "impulses", "soundfont", "midi"]


@dataclass(frozen=True)
class Package:
    """What one package offers: `pattern` picks its files of that kind by path (several are joined by |)."""

    kind: Kind
    role: Role
    licence: str
    pattern: str = "*"
    instrument: str | None = None

    def keeps(self, path: str) -> bool:
        """Whether the file at this path, inside the package, is audio of the declared kind."""
        return any(fnmatch(path, pattern) for pattern in self.pattern.split("|"))


PACKAGES: dict[str, Package] = {
    # Released music, training side.
    "0ad-data": Package("music", "train", "CC-BY-SA-3.0", "*/audio/music/*"),
    "a7xpg-data": Package("music", "train", "BSD-2-Clause"),
    "alienblaster-data": Package("music", "train", "GPL-2+"),
    "amoebax-data": Package("music", "train", "FAL-1.2", "*/music/*"),
    "ardentryst": Package("music", "train", "CC-BY-SA-3.0", "*/Music/*"),
    "asc-music": Package("music", "train", "GPL-2+"),
    "berusky2-data": Package("music", "train", "GPL-2+", "*/music/*"),
    "btanks-data": Package("music", "train", "GPL-2+ with exceptions", "*/tunes/*"),
    "davegnukem-data": Package("music", "train", "Expat, GPL-2, GPL-3", "*/music/*"),
    "drascula-music": Package("music", "train", "Drascula-License", "*/drascula/audio/*"),
    "enigma-data": Package("music", "train", "GPL-2+", "*/music/*"),
    "flare-game": Package("music", "train", "CC-BY-SA-3.0+", "*/music/*"),
    "freecol": Package("music", "train", "CC-BY-4.0", "*/music/default/*"),
    "freedroidrpg-data": Package("music", "train", "GPL-2+", "*/music/*"),
    "fretsonfire-songs-muldjord": Package("stems", "train", "CC-BY-SA-3.0"),
    "frozen-bubble-data": Package("music", "train", "GPL-2"),
    "glob2-data": Package("music", "train", "GPL-3+", "*/zik/*"),
    "gunroar-data": Package("music", "train", "BSD-2-Clause", "*/musics/*"),
    "hedgewars-data": Package("music", "train", "GPL-2", "*/Data/Music/*"),
    "lincity-ng-data": Package("music", "train", "GPL-2+", "*/music/*"),
    "lordsawar-data": Package("music", "train", "GPL-3+", "*/music/*"),
    "lugaru-data": Package("music", "train", "GPL-2+, CC-BY-SA-3.0", "*/Sounds/music*|*/Sounds/Music*"),
    "megaglest-data": Package("music", "train", "CC-BY-SA-3.0", "*/music/*"),
    "mu-cade-data": Package("music", "train", "BSD-2-Clause", "*/musics/*"),
    "naev-data": Package("music", "train", "GPL-3, GPL-2+, CC-BY-3.0", "*/music/*"),
    "neverball-common": Package("music", "train", "GPL-2+", "*/bgm/*"),
    "openarena-088-data": Package("music", "train", "GPL-2+", "*/music/*"),
    "parsec47-data": Package("music", "train", "BSD-2-Clause"),
    "pathological": Package("music", "train", "GPL-2+", "*/music/*"),
    "pink-pony-data": Package("music", "train", "CC-BY-SA-3.0", "*/music/*"),
    "plee-the-bear-data": Package("music", "train", "CC-BY-SA-3.0", "*/music/*"),
    "scorched3d-data": Package("music", "train", "GPL-2+, CC-BY-SA-3.0", "*/music/*"),
    "seahorse-adventures": Package("music", "train", "GPL-2", "*/music/*"),
    "supertux-data": Package("music", "train", "GPL-2+, CC-BY-SA-3.0", "*/music/*"),
    "supertuxkart-data": Package("music", "train", "CC-BY-SA-3.0, CC-BY-3.0, CC0", "*/data/music/*"),
    "titanion-data": Package("music", "train", "BSD-2-Clause", "*/musics/*"),
    "torus-trooper-data": Package("music", "train", "BSD-2-Clause", "*/musics/*"),
    "trackballs-data": Package("music", "train", "GPL-2+, Ethymonics Free Music License", "*/music/*"),
    "tumiki-fighters-data": Package("music", "train", "BSD-2-Clause"),
    "ufoai-music": Package("music", "train", "GPL-2+, CC-BY-SA-3.0, CC-BY-3.0", "*/music/*"),
    "unknown-horizons": Package("music", "train", "CC-BY-SA-3.0", "*/audio/music/*"),
    "warmux-data": Package("music", "train", "GPL-2+", "*/music/*"),
    "warzone2100-music": Package("music", "train", "GPL-2+, CC-BY-SA-3.0, CC0", "*/music/*"),
    "wesnoth-1.16-music": Package("music", "train", "GPL-2+", "*/music/*"),
    "widelands-data": Package("music", "train", "GPL-2+, CC-BY-SA-3.0", "*/music/*"),
    "wizznic-data": Package("music", "train", "GPL-3", "*/music/*"),
    # Released music, held out.
    "colobot-common-sounds": Package("music", "test", "GPL-3+", "*/music/*"),
    "extremetuxracer-data": Package("music", "test", "GPL-2+", "*/music/*"),
    "fretsonfire-songs-sectoid": Package("stems", "test", "MIT"),
    "gigalomania-data": Package("music", "test", "CC-BY-3.0, CC-BY-SA-3.0, GPL-2+", "*/music/*"),
    "hex-a-hop-data": Package("music", "test", "CC-BY-SA-3.0, CC-BY-3.0"),
    "hyperrogue-music": Package("music", "test", "CC-BY-SA-3.0, CC-BY-3.0, GPL-2+", "*/music/*"),
    "marsshooter-data": Package("music", "test", "CC-BY-SA-3.0", "*/audio/music/*|*/audio/menu.ogg"),
    "nexuiz-music": Package("music", "test", "GPL-2+"),
    "openclonk-data": Package("music", "test", "CC-BY-3.0, CC-BY-SA-3.0", "*/Music.ocg/*"),
    "planetblupi-music-ogg": Package("music", "test", "GPL-3+"),
    "pushover-data": Package("music", "test", "GPL-3+", "*/themes/*"),
    "singularity-music": Package("music", "test", "CC-BY-SA-3.0", "*/music/*"),
    "starfighter-data": Package("music", "test", "GPL-2+, CC-BY-SA-3.0, CC-BY-3.0", "*/music/*"),
    "xmoto-data": Package("music", "test", "GPL-2+", "*/Musics/*"),
    "zaz-data": Package("music", "test", "CC-BY-SA-3.0", "*/mus*.ogg"),
    # One-shots and loops.
    "hydrogen-data": Package("samples", "train", "GPL-2+", instrument="drums"),
    "hydrogen-drumkits": Package("samples", "train", "GPL-2+, CC-BY-3.0, CC0", instrument="drums"),
    "hydrogen-drumkits-effects": Package("samples", "test", "CC-BY-3.0", instrument="guitar"),
    "lmms-common": Package("samples", "train", "GPL-2+, LGPL-2.1+"),
    "sonic-pi-samples": Package("samples", "test", "CC0"),
    # Acted speech.
    "fillets-ng-data-cs": Package("speech", "train", "GPL-2+", "*/sound/*", instrument="voice"),
    # Cabinets and one hall.
    "guitarix-common": Package("impulses", "train", "GPL-2+, CC-BY-SA-3.0"),
    # Soundfonts, by their paths only. Those that share samples stay on one side: MuseScore's and the two
    # FluidR3; TimGM6mb (also inside pretty_midi, and so in the built-in corpus) and Csound's.
    "avldrums.lv2-soundfont": Package("soundfont", "train", "CC-BY-SA-3.0", instrument="drums"),
    "csound-soundfont": Package("soundfont", "test", "public domain"),
    "fluid-soundfont-gm": Package("soundfont", "train", "MIT"),
    "fluid-soundfont-gs": Package("soundfont", "train", "MIT"),
    "freepats": Package("soundfont", "test", "GPL-2+ with exception"),
    "musescore-general-soundfont-lossless": Package("soundfont", "train", "MIT, CC0"),
    "opl3-soundfont": Package("soundfont", "train", "CC-BY-SA-4.0"),
    "timgm6mb-soundfont": Package("soundfont", "test", "GPL-2"),
    # MIDI files.
    "openttd-openmsx": Package("midi", "train", "GPL-2"),
    "planetblupi-music-midi": Package("midi", "test", "GPL-3+"),
}
