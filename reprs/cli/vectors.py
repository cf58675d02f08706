"""`embed`, `index build`, `search` and `quality`: files → vectors and scores, vectors → files."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reprs.cli.answer import DONE, find, report


def embed(call: argparse.Namespace) -> int:
    """Files → one file of embeddings, or shards."""
    from reprs.retrieval import embed_files

    shards = call.shards or call.out.endswith("/") or Path(call.out).is_dir()
    embed_files.check_output(call.out, shards, call.force)
    paths, missing = find(call.audio)
    encoder = _encoder(call.model, call.device)
    results = embed_files.embed_files(encoder, paths)
    count, failures = embed_files.write_output(call.out, results, call.model, encoder.model_hash, shards)
    return report(
        f"embedded {count} of {len(paths) + len(missing)} files", missing + failures, count and call.out
    )


def index_build(call: argparse.Namespace) -> int:
    """Folders → an index, new or added to."""
    from reprs.models import hub
    from reprs.retrieval.index import Index, check_output, check_windowing

    check_output(call.out, call.add, call.force)
    index = Index.open(call.out) if call.add else None
    check_windowing(call.window_s, call.hop_s, index)
    paths, missing = find(call.audio)
    model = call.model or (index.manifest["model"] if index else "effect")
    encoder = _encoder(model, call.device)
    index = index or Index.create(encoder, hub.portable_name(model), call.window_s, call.hop_s)
    added, failures = index.add_files(encoder, paths)
    if added:
        index.write(call.out)
    unchanged = len(paths) - added - len(failures)
    said = f"indexed {added} of {len(paths) + len(missing)} files" + (
        f", {unchanged} unchanged" if unchanged else ""
    )
    return report(said, missing + failures, (added or unchanged) and call.out)


def search(call: argparse.Namespace) -> int:
    """The items of an index nearest to a file or words."""
    from reprs.retrieval.index import Index

    index = Index.open(call.index)
    encoder = _encoder(call.model or index.manifest["model"], call.device)
    if call.text is None:
        hits = index.search(encoder, call.audio, call.k)
    elif hasattr(encoder, "embed_text"):
        index.check_model(encoder)
        hits = index.nearest(encoder.embed_text([call.text])[0].cpu().numpy(), call.k)
    else:
        raise ValueError(
            f"the model {index.manifest['model']!r} does not read text: search with --audio FILE"
        )
    if call.json:
        print(json.dumps([asdict(hit) for hit in hits], indent=2))
        return DONE
    for rank, hit in enumerate(hits, 1):
        print(f"{rank:3d}  {hit.score:6.3f}  {hit.start_s:8.2f} s + {hit.duration_s:.2f} s  {hit.path}")
    return DONE


def quality(call: argparse.Namespace) -> int:
    """Files → scores, likely faults and curves."""
    from reprs.models import hub
    from reprs.retrieval import quality_files

    quality_files.check_output(call.out, call.force)
    paths, failures = find(call.audio)
    quality_files.check_count(call.out, len(paths))
    model = hub.load(call.model)
    if not hasattr(model, "judge"):
        raise ValueError(f"{call.model!r} judges no quality; the shipped model that does is quality")
    judged: list[quality_files.Judged] = []
    for one in quality_files.judge_files(model, paths):
        if isinstance(one, quality_files.Judged):
            judged.append(one)
            if not call.json:
                print("\n".join(quality_files.lines(one)), flush=True)
        else:
            failures.append(one)
    if call.json:
        print(json.dumps([one.to_json() for one in judged], indent=2, ensure_ascii=False))
    if call.out and judged:
        quality_files.write_output(call.out, judged)
    said = f"judged {len(judged)} of {len(judged) + len(failures)} files"
    return report(said, failures, None if call.json else judged and call.out)


def _encoder(model: str, device: str) -> Any:
    from reprs.models import hub

    encoder = hub.load_encoder(model)
    try:
        return encoder.to(device)
    except (
        RuntimeError,
        AssertionError,
    ) as error:  # torch has one kind for a wrong name, another for no CUDA
        raise ValueError(f"--device {device} is not to be had here: {str(error).splitlines()[0]}") from None
