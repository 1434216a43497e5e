"""llama.cpp's own HTTP server with the same model and settings: `python -m bench.llama_server`."""

from __future__ import annotations

import time

import xllamacpp

from bench.local_model import THREADS
from bench.processes import free_port
from flightwire.toolchain.models import DEFAULT_MODEL, find_model


def main() -> None:
    port = free_port()
    params = xllamacpp.CommonParams()
    params.model.path = str(find_model(DEFAULT_MODEL))
    params.verbosity = 1
    params.offline = True
    params.ui = False
    params.n_parallel = 4
    params.n_ctx = 4 * 4096
    params.kv_unified = False
    params.fit_params = False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = THREADS
    params.hostnames = ["127.0.0.1"]
    params.port = port
    server = xllamacpp.Server(params)
    print(port, flush=True)
    while server is not None:
        time.sleep(3600)


if __name__ == "__main__":
    main()
