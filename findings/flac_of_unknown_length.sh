#!/usr/bin/env bash
# libsndfile takes "length unknown" in a FLAC header for 2^63 - 1 frames, and soundfile loses the last block.
#
# RFC 9639, section 8.2: a total of 0 samples in STREAMINFO means that their number is not known; programs
# that write FLAC to a pipe leave it so. soundfile 0.14.0 (libsndfile 1.2.2) reports 9223372036854775807
# frames. Read block by block, the file gives all blocks but the last: read() seeks behind each block, which
# fails at the true end ("Internal psf_fseek() failed"), and the block goes with it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check 'soundfile==0.14.0' 'numpy==2.4.6'
cd "$work"
"$work/env/bin/python" - <<'PYTHON'
import io

import numpy as np
import soundfile

tone = np.sin(np.arange(3 * 8000) / 10).astype(np.float32)
file = io.BytesIO()
soundfile.write(file, tone, 8000, format="FLAC")
content = bytearray(file.getvalue())
# The 36 bits of the total: the low half of byte 21, and four bytes more (4 of "fLaC", 4 of a block's head).
content[21] &= 0xF0
content[22:26] = bytes(4)
sound = soundfile.SoundFile(io.BytesIO(bytes(content)))
print(f"soundfile {soundfile.__version__}, {soundfile.__libsndfile_version__}: {sound.frames} frames")
assert sound.frames == 2**63 - 1
decoded, failed = 0, ""
try:
    while len(block := sound.read(4000)):
        decoded += len(block)
except soundfile.LibsndfileError as error:
    failed = str(error)
print(f"decoded in blocks of 4000: {decoded} of {len(tone)} frames, then {failed!r}")
assert decoded == len(tone) - 4000 and "psf_fseek" in failed
PYTHON
