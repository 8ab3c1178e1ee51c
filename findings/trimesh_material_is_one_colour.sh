#!/usr/bin/env bash
# trimesh calls a plain colour a texture, and turns it into one colour, or into an error.
#
# A glTF or OBJ object whose material is a plain colour has no picture. trimesh 5.2.0 gives it visuals of the
# kind "texture" all the same. to_color().vertex_colors, where objects with colours have (vertices, 4), has
# the shape (4,) for glTF, so that what indexes by vertex reads the channels of the one colour; for OBJ it
# raises a TypeError.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check 'trimesh==5.2.0' 'numpy==2.4.6' 'pillow==13.0.0'
cd "$work"
"$work/env/bin/python" - <<'PYTHON'
import numpy as np
import trimesh

corners = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 2, 0]]
faces = [[0, 1, 2], [0, 2, 3], [3, 2, 4]]
red = trimesh.visual.material.PBRMaterial(baseColorFactor=[255, 0, 0, 255])
painted = trimesh.Trimesh(corners, faces, visual=trimesh.visual.TextureVisuals(material=red))
painted.export("red.glb")
with open("red.mtl", "w") as file:
    file.write("newmtl red\nKd 1 0 0\n")
with open("red.obj", "w") as file:
    file.write("mtllib red.mtl\nusemtl red\n")
    file.writelines(f"v {x} {y} {z}\n" for x, y, z in corners)
    file.writelines("f " + " ".join(str(corner + 1) for corner in face) + "\n" for face in faces)

found = {}
for name in ("red.glb", "red.obj"):
    mesh = trimesh.load(name, force="mesh")
    assert len(mesh.vertices) == 5 and mesh.visual.kind == "texture"
    try:
        found[name] = np.asarray(mesh.visual.to_color().vertex_colors).shape
    except TypeError as error:
        found[name] = f"TypeError: {error}"
    print(f"trimesh {trimesh.__version__} {name}: {mesh.visual.kind=}, vertex_colors {found[name]}")
assert found["red.glb"] == (4,) and str(found["red.obj"]).startswith("TypeError")
PYTHON
