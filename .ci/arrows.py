#!/usr/bin/env python3
"""Checks what docs/architecture.md says of the crates: which may know which, where no runtime may be,
and which features are on by default. Needs cargo and the standard library alone."""

import json
import subprocess
import sys

# Crate -> the crates of this workspace that it may depend on. All lie in a lower layer.
ARROWS = {
    "dunlin-core": [],
    "dunlin-router": [],
    "dunlin-signals": [],
    "dunlin-codec": ["dunlin-core"],
    "dunlin-websocket": ["dunlin-core"],
    "dunlin-multipart": ["dunlin-core"],
    "dunlin-compress": ["dunlin-core"],
    "dunlin-tower": ["dunlin-core"],
    "dunlin-web": ["dunlin-router", "dunlin-signals", "dunlin-websocket", "dunlin-multipart", "dunlin-compress", "dunlin-tower", "dunlin-core"],
    "dunlin-server": ["dunlin-codec", "dunlin-core"],
    "dunlin-client": ["dunlin-codec", "dunlin-websocket", "dunlin-multipart", "dunlin-compress", "dunlin-core"],
    "dunlin-test": ["dunlin-server", "dunlin-client", "dunlin-core"],
    "dunlin": None,  # the umbrella may depend on all
    "dunlin-cli": ["dunlin"],
}

# Their tree of normal dependencies, with the features that are on by default, holds none of these. The
# codec's feature `codec` brings tokio's traits, for those who ask for them.
NO_RUNTIME = ["dunlin-codec", "dunlin-compress", "dunlin-multipart", "dunlin-router", "dunlin-signals"]
RUNTIMES = {"async-executor", "async-io", "async-std", "compio", "glommio", "mio", "monoio", "smol", "tokio"}

# Every other crate has no feature on by default.
DEFAULTS = {"dunlin-codec": ["std"]}


def cargo(*args):
    return subprocess.run(["cargo", *args], check=True, stdout=subprocess.PIPE, text=True).stdout


def main():
    faults = []
    packages = json.loads(cargo("metadata", "--format-version", "1", "--no-deps"))["packages"]
    crates = {p["name"]: p for p in packages if "/crates/" in p["manifest_path"].replace("\\", "/")}
    for name, crate in sorted(crates.items()):
        if name not in ARROWS:
            faults.append(f"{name} has no place in the layers yet: add it to .ci/arrows.py")
            continue
        allowed = ARROWS[name]
        for dependency in crate["dependencies"]:
            if dependency["kind"] == "dev" or dependency["name"] not in ARROWS:
                continue
            if allowed is not None and dependency["name"] not in allowed:
                faults.append(f"{name} must not depend on {dependency['name']}")
        on = crate["features"].get("default", [])
        if name != "dunlin" and on != DEFAULTS.get(name, []):
            faults.append(f"{name} turns on {on} by default, not {DEFAULTS.get(name, [])}")
    for name in NO_RUNTIME:
        if name in crates:
            tree = cargo("tree", "--package", name, "--edges", "normal,build", "--prefix", "none")
            for found in sorted({line.split()[0] for line in tree.splitlines() if line} & RUNTIMES):
                faults.append(f"{name} pulls in the runtime {found}: cargo tree -p {name} -i {found}")
    for fault in faults:
        print(f"arrows: {fault}", file=sys.stderr)
    if not faults:
        print(f"{len(crates)} crates, every arrow points down")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
