"""How many threads compute in a replica: as many as it has cores."""

import os

VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def limit_threads(cores: int) -> None:
    """Let libraries that are imported from now on compute on so many threads.

    Parameters
    ----------
    cores
        Cores of the replica.
    """
    for variable in VARIABLES:
        os.environ[variable] = str(cores)
    # Threads that wait for work must not take the cores of a neighbour.
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
