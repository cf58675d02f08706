"""What a mix costs: eight stereo tracks of 30 s on one core, and the memory of a gradient."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import json, resource, sys, time, torch
from reprs.console import Knobs, standard_console
torch.set_num_threads(1)
console, generator = standard_console(), torch.Generator().manual_seed(0)
knobs = [torch.rand(1, 8, len(console.track_params), generator=generator)]
knobs += [torch.rand(1, len(console.shared_params), generator=generator)]
x = 0.1 * torch.randn(1, 8, 2, 30 * 44_100, generator=generator)
moved = [z.clone().requires_grad_() for z in knobs]
console(x[..., :44_100], 44_100, Knobs(*moved)).square().mean().backward()  # compiles what is compiled
with torch.no_grad():
    start = time.process_time()
    console(x, 44_100, Knobs(*knobs))
    forward_s = time.process_time() - start
moved = [z.clone().requires_grad_() for z in knobs]
start = time.process_time()
console(x, 44_100, Knobs(*moved)).square().mean().backward()
found = {"forward_s": forward_s, "both_s": time.process_time() - start}
found["gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(json.dumps(found))
"""


@pytest.mark.slow
def test_eight_stereo_tracks_of_half_a_minute():
    """All effects on; seconds are those of the processor, gigabytes the most that the process ever held."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    print(found)
    assert found["forward_s"] < 5 and found["gib"] < 4
