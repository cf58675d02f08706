"""Writes a SoundFont 2 file of looped sines from nothing but the specification's tables."""

import struct
from pathlib import Path

import numpy as np

RATE = 44_100


def chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def write_soundfont(path: Path, presets: list[tuple[str, int, int, float]]) -> Path:
    """`presets`: name, bank, program and the frequency of its sine at key 69 in Hz, 0 for silence."""
    phdr = pbag = pgen = inst = ibag = igen = shdr = smpl = b""
    for i, (name, bank, program, hz) in enumerate(presets):
        period = round(RATE / hz) if hz else 100
        sine = np.sin(2 * np.pi * np.arange(40 * period) / period) if hz else np.zeros(4_000)
        start = len(smpl) // 2
        smpl += (20_000 * sine).astype("<i2").tobytes() + bytes(2 * 46)  # 46 zeros after each, as demanded
        end = start + len(sine)
        phdr += struct.pack("<20sHHHIII", name.encode("latin-1"), program, bank, i, 0, 0, 0)
        pbag += struct.pack("<HH", i, 0)
        pgen += struct.pack("<HH", 41, i)  # instrument
        inst += struct.pack("<20sH", f"i{i}".encode(), i)
        ibag += struct.pack("<HH", 2 * i, 0)
        igen += struct.pack("<HHHH", 54, 1, 53, i)  # loop; sample
        loop = (start + 10 * period, start + 20 * period)
        shdr += struct.pack("<20sIIIIIBbHH", f"s{i}".encode(), start, end, *loop, RATE, 69, 0, 0, 1)
    n = len(presets)
    phdr += struct.pack("<20sHHHIII", b"EOP", 0, 0, n, 0, 0, 0)
    pbag += struct.pack("<HH", n, 0)
    pgen += struct.pack("<HH", 0, 0)
    inst += struct.pack("<20sH", b"EOI", n)
    ibag += struct.pack("<HH", 2 * n, 0)
    igen += struct.pack("<HH", 0, 0)
    shdr += struct.pack("<20sIIIIIBbHH", b"EOS", 0, 0, 0, 0, 0, 0, 0, 0, 0)
    about = (
        chunk(b"ifil", struct.pack("<HH", 2, 1)) + chunk(b"isng", b"EMU8000\0") + chunk(b"INAM", b"tiny\0\0")
    )
    parts = {b"phdr": phdr, b"pbag": pbag, b"pmod": bytes(10), b"pgen": pgen, b"inst": inst, b"ibag": ibag}
    parts |= {b"imod": bytes(10), b"igen": igen, b"shdr": shdr}
    body = chunk(b"LIST", b"INFO" + about) + chunk(b"LIST", b"sdta" + chunk(b"smpl", smpl))
    body += chunk(b"LIST", b"pdta" + b"".join(chunk(name, data) for name, data in parts.items()))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(chunk(b"RIFF", b"sfbk" + body))
    return path
