#!/usr/bin/env bash
# trimesh cuts faces of more than four corners into a fan, which fills their notches.
#
# A face of an OBJ file may be concave. trimesh 5.2.0 draws triangles from its first corner to all others:
# of a U with an area of 14 it makes triangles of 23 together. Seen from the front the notch is gone.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check 'trimesh==5.2.0' 'numpy==2.4.6'
cd "$work"
"$work/env/bin/python" - <<'PYTHON'
import io

import trimesh

# A square of 4 x 5 with a notch of 2 x 3 in its upper side: 20 - 6 = 14.
corners = [(0, 0), (4, 0), (4, 5), (3, 5), (3, 2), (1, 2), (1, 5), (0, 5)]
lines = [f"v {x} {y} 0" for x, y in corners]
lines.append("f " + " ".join(str(number + 1) for number in range(len(corners))))
mesh = trimesh.load(io.StringIO("\n".join(lines)), file_type="obj", force="mesh")
right = abs(sum(x * v - u * y for (x, y), (u, v) in zip(corners, corners[1:] + corners[:1]))) / 2
print(f"trimesh {trimesh.__version__}: area {mesh.area:.1f}, right {right:.1f}")
assert right == 14 and round(mesh.area, 1) == 23
PYTHON
