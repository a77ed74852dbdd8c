"""Fetch the documentation pages' scripts anew: `python hamster/http/assets/fetch.py`. Only for a new version.

The packages are taken from the npm registry, by the hash that stands here; what is taken out of them is committed.
"""

import base64
import hashlib
import io
import tarfile
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
REGISTRY = "https://registry.npmjs.org"
PACKAGES = {
    "swagger-ui-dist/-/swagger-ui-dist-5.35.0.tgz": (
        "U06rpMtW9V3XPGOBeamTUSr0Z09jMX4IJuANpE/EZbAhw0G8CgwrzU4YmXkn/h0wCDNsXdGarTNNHC3sU8yVUQ==",
        {
            "swagger-ui-bundle.js": "swagger-ui-bundle.js",
            "swagger-ui.css": "swagger-ui.css",
            "LICENSE": "swagger-ui.LICENSE.txt",
            "NOTICE": "swagger-ui.NOTICE.txt",
            "swagger-ui-bundle.js.LICENSE.txt": "swagger-ui-bundle.js.LICENSE.txt",
        },
    ),
    "redoc/-/redoc-2.5.4.tgz": (
        "M6jWhG1qoBnH6TFmzJnstyCZ87HmOY/UzDm78mHiYihEdlV/YcS9ogOo1NlElnJMeLsyxHFe2yFc4sNjHTrABQ==",
        {
            "bundles/redoc.standalone.js": "redoc.standalone.js",
            "LICENSE": "redoc.LICENSE.txt",
            "bundles/redoc.standalone.js.LICENSE.txt": "redoc.standalone.js.LICENSE.txt",
        },
    ),
}
"""By address: the SHA-512 of the package, and what is taken out of it under which name."""

LOGO, NOTHING = b"https://cdn.redoc.ly/redoc/logo-mini.svg", b"data:image/gif;base64,R0lGODlhAQABAAAAACw="
"""ReDoc loads its maker's logo from elsewhere, which our pages must not: it is an empty picture instead."""


def main() -> None:
    """Write the files beside this one.

    Raises:
        SystemExit: A package is not the one whose hash stands here.
    """
    for address, (expected, files) in PACKAGES.items():
        with urllib.request.urlopen(f"{REGISTRY}/{address}") as answer:  # noqa: S310 - https, of a constant
            packed: bytes = answer.read()
        got = base64.b64encode(hashlib.sha512(packed).digest()).decode()
        if got != expected:
            raise SystemExit(f"{address} has the SHA-512 {got}, expected {expected}; do not use it")
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            for inside, name in files.items():
                member = archive.extractfile(f"package/{inside}")
                if member is None:
                    raise SystemExit(f"{address} has no file {inside}; look for its new name")
                content = member.read().replace(LOGO, NOTHING)
                # The map of the source is not here: a browser would ask for it in vain.
                kept = [line for line in content.splitlines() if not line.startswith(b"//# sourceMappingURL")]
                (HERE / name).write_bytes(b"\n".join(kept) + b"\n")


if __name__ == "__main__":
    main()
