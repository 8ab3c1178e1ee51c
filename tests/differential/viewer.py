"""A viewer of 3-D objects that is not ours: three.js in headless Chromium, without a window."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

THREE = "three@0.187.0"
"""MIT; fetched by npm into a temporary folder."""

MINUTES = 4

PAGE = """<!doctype html><body></body>
<script type="importmap">{"imports": {"three": "/three/build/three.module.js",
"three/addons/": "/three/examples/jsm/"}}</script>
<script type="module">
import * as THREE from "three";
import {GLTFLoader} from "three/addons/loaders/GLTFLoader.js";
import {OBJLoader} from "three/addons/loaders/OBJLoader.js";
import {MTLLoader} from "three/addons/loaders/MTLLoader.js";
import {PLYLoader} from "three/addons/loaders/PLYLoader.js";
import {STLLoader} from "three/addons/loaders/STLLoader.js";

const side = SIDE;
const renderer = new THREE.WebGLRenderer({antialias: true, preserveDrawingBuffer: true});
renderer.setSize(side, side, false);
renderer.setClearColor(0xffffff, 1);
const grey = new THREE.Color().setRGB(170 / 255, 175 / 255, 180 / 255, THREE.SRGBColorSpace);
const white = new THREE.Color(1, 1, 1);

function dressed(object, old) {  // the colours alone: an even light from all sides
  const painted = !!object.geometry.getAttribute("color");
  if (object.isPoints) {
    const color = old && old.userData.said ? old.color : (painted ? white : grey);
    return new THREE.PointsMaterial({color, vertexColors: painted, size: 5,
      sizeAttenuation: false});
  }
  const known = old && old.userData.said;
  const made = old && old.isMeshBasicMaterial ? new THREE.MeshBasicMaterial()
    : new THREE.MeshLambertMaterial();
  made.side = THREE.DoubleSide;
  made.vertexColors = painted;
  made.color = known ? old.color : (painted ? white : grey);
  if (known) {
    for (const key of ["map", "alphaMap", "emissiveMap"]) if (old[key]) made[key] = old[key];
    if (made.emissive && old.emissive) made.emissive = old.emissive;
    made.opacity = old.opacity; made.transparent = old.transparent; made.alphaTest = old.alphaTest;
    if (made.transparent) made.depthWrite = false;
  }
  return made;
}

async function load(job) {
  const manager = new THREE.LoadingManager();
  const idle = new Promise(done => {manager.onLoad = done;});
  const path = "/files/", url = path + job.file;
  const kind = job.file.split(".").pop();
  let object;
  if (kind === "glb") {
    const found = await new GLTFLoader(manager).loadAsync(url);
    object = found.scene;
    object.traverse(o => {if (o.material && o.material.name !== "") o.material.userData.said = 1;});
  } else if (kind === "obj") {
    const loader = new OBJLoader(manager);
    if (job.mtl) {
      const materials = await new MTLLoader(manager).setPath(path).loadAsync(job.mtl);
      materials.preload();
      loader.setMaterials(materials);
    }
    object = await loader.loadAsync(url);
    object.traverse(o => {if (o.material && job.mtl) for (const m of [o.material].flat())
      m.userData.said = 1;});
  } else {
    const loader = kind === "ply" ? new PLYLoader(manager) : new STLLoader(manager);
    const geometry = await loader.loadAsync(url);
    if (!geometry.getAttribute("normal")) geometry.computeVertexNormals();
    object = kind === "ply" && !geometry.index && job.points ? new THREE.Points(geometry)
      : new THREE.Mesh(geometry);
    object.material = null;
  }
  await Promise.race([idle, new Promise(done => setTimeout(done, 3000))]);
  return [object, kind];
}

async function draw(job) {
  const [object, kind] = await load(job);
  const scene = new THREE.Scene();
  scene.add(new THREE.AmbientLight(0xffffff, Math.PI));
  const turned = new THREE.Group();
  if (kind === "ply" || kind === "stl") turned.rotation.x = -Math.PI / 2;
  turned.add(object);
  scene.add(turned);
  object.traverse(o => {
    if (o.geometry) o.material = Array.isArray(o.material)
      ? o.material.map(m => dressed(o, m)) : dressed(o, o.material);
  });
  scene.updateMatrixWorld(true);
  const box = new THREE.Box3().setFromObject(object, true);
  const middle = box.getCenter(new THREE.Vector3());
  const a = job.azimuth * Math.PI / 180, e = job.elevation * Math.PI / 180;
  const back = new THREE.Vector3(Math.sin(a) * Math.cos(e), Math.sin(e), Math.cos(a) * Math.cos(e));
  const right = new THREE.Vector3(Math.cos(a), 0, -Math.sin(a));
  const up = new THREE.Vector3().crossVectors(back, right);
  let half = 0;
  for (let n = 0; n < 8; n++) {
    const corner = new THREE.Vector3(n & 1 ? box.min.x : box.max.x, n & 2 ? box.min.y : box.max.y,
      n & 4 ? box.min.z : box.max.z).sub(middle);
    half = Math.max(half, Math.abs(corner.dot(right)), Math.abs(corner.dot(up)));
  }
  half *= 1.08;
  const far = box.getSize(new THREE.Vector3()).length() + 1e-9;
  const camera = new THREE.OrthographicCamera(-half, half, half, -half, far / 100, far * 4);
  camera.up.copy(up);
  camera.position.copy(middle).addScaledVector(back, far * 2);
  camera.lookAt(middle);
  renderer.render(scene, camera);
  const gl = renderer.getContext();
  const pixels = new Uint8Array(side * side * 4);
  gl.readPixels(0, 0, side, side, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
  let text = "";
  for (const value of pixels) text += String.fromCharCode(value);
  return btoa(text);
}

const found = {};
for (const job of await (await fetch("/jobs")).json()) {
  try { found[job.name] = await draw(job); } catch (error) { found[job.name] = "!" + error; }
}
await fetch("/found", {method: "POST", body: JSON.stringify(found)});
</script>"""


@dataclass(frozen=True)
class Job:
    """A file that is to be looked at from a direction."""

    name: str
    file: str
    mtl: str = ""
    points: bool = False
    azimuth: float = 30.0
    elevation: float = 20.0


def fetched_three(folder: Path) -> Path | None:
    """The package, or None where npm or the network is not there."""
    npm = shutil.which("npm")
    if npm is None:
        return None
    command = [
        npm,
        "install",
        "--no-save",
        "--ignore-scripts",
        "--no-audit",
        "--prefix",
        folder,
        THREE,
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=300)
    package = folder / "node_modules" / "three"
    return package if done.returncode == 0 and package.is_dir() else None


def looked_at(
    jobs: list[Job], files: Path, three: Path, chromium: str, side: int
) -> dict[str, npt.NDArray[np.uint8] | str]:
    """Pictures of files by three.js, shape (side, side, 3), or what it said instead."""
    with _served(jobs, files, three, side) as (address, found, done):
        browser = subprocess.Popen(
            [chromium, "--headless=new", "--no-sandbox", "--no-proxy-server",
             "--use-angle=swiftshader",
             "--enable-unsafe-swiftshader", f"--user-data-dir={files / 'profile'}",
             "--remote-debugging-port=0", address],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            assert done.wait(MINUTES * 60), "three.js gave no answer"
        finally:
            browser.terminate()
            browser.wait(30)
    pictures: dict[str, npt.NDArray[np.uint8] | str] = {}
    for name, text in found.items():
        if text.startswith("!"):
            pictures[name] = text
            continue
        pixels = np.frombuffer(base64.b64decode(text), np.uint8).reshape(side, side, 4)
        pictures[name] = pixels[::-1, :, :3]
    return pictures


@contextmanager
def _served(
    jobs: list[Job], files: Path, three: Path, side: int
) -> Iterator[tuple[str, dict[str, str], threading.Event]]:
    """The page, its library and the files at an address of this machine."""
    found: dict[str, str] = {}
    done = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            kind = "text/html"
            if path == "/":
                content = PAGE.replace("SIDE", str(side)).encode()
            elif path == "/jobs":
                content, kind = json.dumps([vars(job) for job in jobs]).encode(), "application/json"
            else:
                _, place, name = [*path.split("/", 2), ""][:3]
                file = {"three": three, "files": files}.get(place, files) / name
                if not file.is_file():
                    self.send_error(404)
                    return
                content = file.read_bytes()
                kind = "text/javascript" if file.suffix == ".js" else "application/octet-stream"
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self) -> None:
            found.update(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            done.set()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/", found, done
    finally:
        server.shutdown()
        server.server_close()
