"""OpenStack Swift with its S3 interface, in one process: serve_swift.py FOLDER KEY SECRET [PORT].

Goes on with what is in the folder. Tells its port on standard output once it answers; ends with
standard input. What is put is not flushed to disk, and lost tables of a machine that crashes are no
matter: it is for tests.
"""

import eventlet

eventlet.monkey_patch()

import logging  # noqa: E402 - all that follows has to find the patched modules
import os  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from eventlet import wsgi  # noqa: E402
from swift.common import storage_policy, utils  # noqa: E402
from swift.common.ring import RingBuilder  # noqa: E402
from swift.common.wsgi import SwiftHttpProtocol, loadapp  # noqa: E402

FOLDER = Path(sys.argv[1])
KEY, SECRET = sys.argv[2:4]  # the key is account:user
PORT = int(sys.argv[4]) if len(sys.argv) > 4 else 0
BACKENDS = ("account", "container", "object")
PIPELINE = ("catch_errors", "gatekeeper", "s3api", "tempauth", "bulk", "slo")
OPTIONS = {
    "s3api": """
        location = us-east-1
        check_bucket_owner = no
        max_upload_part_num = 10000
    """,
    "tempauth": f"user_{KEY.replace(':', '_')} = {SECRET} .admin",
}


class Cache:
    """What Swift asks of memcached, as far as it asks."""

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}

    def get(self, key: str, **_: Any) -> Any:
        return self._kept.get(key)

    def set(self, key: str, value: Any, **_: Any) -> None:
        self._kept[key] = value

    def delete(self, key: str, **_: Any) -> None:
        self._kept.pop(key, None)


def dedented(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


def write(name: str, text: str) -> str:
    path = FOLDER / name
    path.write_text(dedented(text) + "\n")
    return str(path)


def serve(listening: Any, application: Any) -> None:
    eventlet.spawn(
        wsgi.server,
        listening,
        application,
        log=logging.getLogger("nothing"),
        log_output=False,
        protocol=SwiftHttpProtocol,
        url_length_limit=65536,
    )


def port_of(listening: Any) -> int:
    port: int = listening.getsockname()[1]
    return port


def configure() -> None:
    """Write what all of Swift's parts read first."""
    utils.SWIFT_CONF_FILE = write(
        "swift.conf",
        """
        [swift-hash]
        swift_hash_path_prefix = tests
        swift_hash_path_suffix = tests
        [storage-policy:0]
        name = only
        default = yes
        """,
    )
    utils.validate_hash_conf()
    storage_policy.reload_storage_policies()


def write_rings(ports: dict[str, int]) -> None:
    """Write where each part of Swift is."""
    for name, port in ports.items():
        builder = RingBuilder(part_power=4, replicas=1, min_part_hours=1)
        builder.add_dev(
            {
                "id": 0,
                "region": 1,
                "zone": 1,
                "ip": "127.0.0.1",
                "port": port,
                "device": "one",
                "weight": 1,
            }
        )
        builder.rebalance()
        builder.get_ring().save(str(FOLDER / f"{name}.ring.gz"))


def serve_backend(name: str, listening: Any) -> None:
    settings = write(
        f"{name}.conf",
        f"""
        [DEFAULT]
        swift_dir = {FOLDER}
        devices = {FOLDER}/devices
        mount_check = false
        disable_fallocate = true
        [pipeline:main]
        pipeline = {name}-server
        [app:{name}-server]
        use = egg:swift#{name}
        recon_cache_path = {FOLDER}
        """,
    )
    serve(listening, loadapp(settings))


def load_proxy() -> Any:
    """Return what speaks S3."""
    filters = "".join(
        f"[filter:{name}]\nuse = egg:swift#{name}\n{OPTIONS.get(name, '')}\n" for name in PIPELINE
    )
    settings = write(
        "proxy.conf",
        f"""
        [DEFAULT]
        swift_dir = {FOLDER}
        [pipeline:main]
        pipeline = {" ".join(PIPELINE)} proxy-server
        [app:proxy-server]
        use = egg:swift#proxy
        account_autocreate = true
        allow_account_management = true
        {filters}
        """,
    )
    proxy, cache = loadapp(settings), Cache()

    def with_cache(environ: dict[str, Any], start_response: Any) -> Any:
        environ["swift.cache"] = cache
        return proxy(environ, start_response)

    return with_cache


def main() -> None:
    for name in ("fsync", "fdatasync"):
        setattr(os, name, lambda _: None)
    (FOLDER / "devices" / "one").mkdir(parents=True, exist_ok=True)
    configure()
    listening = {name: eventlet.listen(("127.0.0.1", 0)) for name in BACKENDS}
    write_rings({name: port_of(each) for name, each in listening.items()})
    for name, each in listening.items():
        serve_backend(name, each)
    front = eventlet.listen(("127.0.0.1", PORT))
    serve(front, load_proxy())
    sys.stdout.write(f"{port_of(front)}\n")
    sys.stdout.flush()
    eventlet.tpool.execute(sys.stdin.buffer.read)


if __name__ == "__main__":
    main()
