"""Names of the samples of a Hydrogen drum kit, from its `drumkit.xml`."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

LARGEST_BYTES = 4_000_000


def sample_names(kit: Path) -> dict[str, str]:
    """File name → name of the instrument that plays it; raises `ValueError` for a file that is no kit."""
    if kit.stat().st_size > LARGEST_BYTES:
        raise ValueError(f"{kit}: is too large for a drum kit")
    text = kit.read_bytes()
    # A kit has no use for entities, and expanding them is how an XML file fills the memory.
    if b"<!ENTITY" in text:
        raise ValueError(f"{kit}: declares entities, which no drum kit needs")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(f"{kit}: not readable as XML ({error})") from error
    names: dict[str, str] = {}
    for instrument in root.iter():
        if _local(instrument) == "instrument":
            called = next((c.text for c in instrument if _local(c) == "name" and c.text), None)
            files = (e.text for e in instrument.iter() if _local(e) == "filename" and e.text)
            for file in files if called else ():
                names.setdefault(Path(file).name, str(called).strip())
    return names


def _local(element: ElementTree.Element) -> str:
    """The tag without its namespace, which older kits lack."""
    return str(element.tag).rsplit("}", 1)[-1]
