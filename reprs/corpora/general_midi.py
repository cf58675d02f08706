"""The names of General MIDI: 128 programs in 16 families, and the drums of channel 10.

MIDI Manufacturers Association, General MIDI System Level 1 (1991). Spellings are those of everyday English.
"""

from __future__ import annotations

FAMILY_SIZE = 8

_PROGRAMS = """
Piano: acoustic grand piano, bright acoustic piano, electric grand piano, honky-tonk piano, \
electric piano 1, electric piano 2, harpsichord, clavinet
Chromatic Percussion: celesta, glockenspiel, music box, vibraphone, marimba, xylophone, \
tubular bells, dulcimer
Organ: drawbar organ, percussive organ, rock organ, church organ, reed organ, accordion, harmonica, bandoneon
Guitar: nylon guitar, steel guitar, jazz guitar, clean guitar, muted guitar, overdriven guitar, \
distortion guitar, guitar harmonics
Bass: acoustic bass, fingered bass, picked bass, fretless bass, slap bass 1, slap bass 2, synth bass 1, \
synth bass 2
Strings: violin, viola, cello, contrabass, tremolo strings, pizzicato strings, harp, timpani
Ensemble: string ensemble 1, string ensemble 2, synth strings 1, synth strings 2, choir aahs, voice oohs, \
synth voice, orchestra hit
Brass: trumpet, trombone, tuba, muted trumpet, french horn, brass section, synth brass 1, synth brass 2
Reed: soprano sax, alto sax, tenor sax, baritone sax, oboe, english horn, bassoon, clarinet
Pipe: piccolo, flute, recorder, pan flute, blown bottle, shakuhachi, whistle, ocarina
Synth Lead: square lead, sawtooth lead, calliope lead, chiff lead, charang lead, voice lead, fifths lead, \
bass and lead
Synth Pad: new age pad, warm pad, polysynth pad, choir pad, bowed pad, metallic pad, halo pad, sweep pad
Synth Effects: rain, soundtrack, crystal, atmosphere, brightness, goblins, echoes, sci-fi
Ethnic: sitar, banjo, shamisen, koto, kalimba, bagpipe, fiddle, shanai
Percussive: tinkle bell, agogo, steel drums, woodblock, taiko drum, melodic tom, synth drum, reverse cymbal
Sound Effects: fret noise, breath noise, seashore, bird tweet, telephone ring, helicopter, applause, gunshot
"""

DRUM_KEYS = {
    35: "acoustic bass drum",
    36: "bass drum",
    37: "side stick",
    38: "acoustic snare",
    39: "hand clap",
    40: "electric snare",
    41: "low floor tom",
    42: "closed hi-hat",
    43: "high floor tom",
    44: "pedal hi-hat",
    45: "low tom",
    46: "open hi-hat",
    47: "low-mid tom",
    48: "high-mid tom",
    49: "crash cymbal",
    50: "high tom",
    51: "ride cymbal",
    52: "china cymbal",
    53: "ride bell",
    54: "tambourine",
    55: "splash cymbal",
    56: "cowbell",
    57: "second crash cymbal",
    58: "vibraslap",
    59: "second ride cymbal",
    60: "high bongo",
    61: "low bongo",
    62: "muted high conga",
    63: "open high conga",
    64: "low conga",
    65: "high timbale",
    66: "low timbale",
    67: "high agogo",
    68: "low agogo",
    69: "cabasa",
    70: "maracas",
    71: "short whistle",
    72: "long whistle",
    73: "short guiro",
    74: "long guiro",
    75: "claves",
    76: "high woodblock",
    77: "low woodblock",
    78: "muted cuica",
    79: "open cuica",
    80: "muted triangle",
    81: "open triangle",
}


def _read() -> dict[str, tuple[str, ...]]:
    lines = (line.split(": ", 1) for line in _PROGRAMS.strip().splitlines())
    return {family: tuple(names.split(", ")) for family, names in lines}


_BY_FAMILY = _read()
FAMILIES: tuple[str, ...] = tuple(_BY_FAMILY)
PROGRAMS: tuple[str, ...] = tuple(name for names in _BY_FAMILY.values() for name in names)


def family_of(program: int) -> str:
    """The family of program 0 to 127."""
    return FAMILIES[program // FAMILY_SIZE]
