"""The CPU cure in fresh interpreters: here the packages may be imported already."""

import subprocess
import sys
import textwrap


def run(code):
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_lightning_open_clip_and_torchaudio_work_after_the_cure():
    run("""
        from reprs import _cpu_torch
        _cpu_torch.prepare()
        _cpu_torch.prepare()
        import math, open_clip, pytorch_lightning, torch, torchaudio, torchvision
        t = torch.arange(16000) / 16000
        tone = torch.sin(2 * math.pi * 1000 * t)
        mel = torchaudio.transforms.MelSpectrogram(16000, n_fft=1024, n_mels=64)(tone)
        centres = torchaudio.functional.melscale_fbanks(513, 0, 8000, 64, 16000).argmax(0) * 16000 / 1024
        peak_hz = centres[mel.mean(-1).argmax()].item()
        assert abs(peak_hz - 1000) < 60, peak_hz
        assert open_clip.tokenize(["a warm bass"]).shape == (1, 77)
        same = torch.nn.functional.normalize(torch.eye(4), dim=-1)
        loss = open_clip.ClipLoss()(same, same, torch.tensor(1.0))
        assert abs(loss.item() - (math.log(math.e + 3) - 1)) < 1e-6
        pytorch_lightning.Trainer(max_steps=0, accelerator="cpu", logger=False, enable_checkpointing=False)
    """)


def test_a_working_package_is_left_alone_and_a_missing_one_is_no_error(tmp_path):
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text("works = True\n")
    run(f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        class Absent:
            def find_spec(self, name, path=None, target=None):
                if name == "torchaudio":
                    raise ModuleNotFoundError(name, name=name)
        sys.meta_path.insert(0, Absent())
        from reprs import _cpu_torch
        _cpu_torch.prepare()
        import torchvision
        assert torchvision.works and not _cpu_torch._schemas and "torchaudio" not in sys.modules
    """)


def test_a_failure_that_is_not_the_known_one_is_still_seen(tmp_path):
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text("raise RuntimeError('something else')\n")
    run(f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        from reprs import _cpu_torch
        try:
            _cpu_torch.prepare()
        except RuntimeError as error:
            assert str(error) == "something else"
        else:
            raise AssertionError("the error was swallowed")
    """)
