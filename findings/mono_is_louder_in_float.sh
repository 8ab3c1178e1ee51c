#!/usr/bin/env bash
# FFmpeg's mean of channels is a sum where the samples are float: louder, and over full scale.
#
# AudioResampler(layout="mono") of PyAV 18.1.0 (libswresample) makes one channel of several. Asked for 16-bit
# samples it divides by the sum of its weights: a tone of 0.5 in all channels stays at 0.5. Asked for float,
# it does not: the same tone is 0.71 from stereo (3 dB more) and 1.71 from 5.1, which every later step that
# expects -1 to 1 cuts off. Neither the class nor its arguments say so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check 'av==18.1.0' 'numpy==2.4.6'
cd "$work"
"$work/env/bin/python" - <<'PYTHON'
import av
import numpy as np

tone = (0.5 * np.sin(np.arange(48_000) * 2 * np.pi * 440 / 48_000)).astype(np.float32)
for layout, channels, summed in (("stereo", 2, 0.707), ("5.1", 6, 1.707)):
    levels = {}
    for wanted in ("s16", "flt"):
        frame = av.AudioFrame.from_ndarray(np.stack([tone] * channels), format="fltp", layout=layout)
        frame.rate = 48_000
        resampler = av.AudioResampler(format=wanted, layout="mono", rate=48_000)
        peak = max(np.abs(part.to_ndarray().astype(float)).max() for part in resampler.resample(frame))
        levels[wanted] = peak / 32768 if wanted == "s16" else peak
    print(f"PyAV {av.__version__}, {layout} to mono: {levels['s16']:.3f} as s16, {levels['flt']:.3f} as flt")
    assert abs(levels["s16"] - 0.5) < 0.01 and abs(levels["flt"] - summed) < 0.01
PYTHON
