"""Ten minutes of the ocr pipeline, live, with real weights, adapted by IPA to a load that rises and falls.

``python -m ipa.studies.ocr_live_run`` runs it anew and stores it.
"""

import numpy as np

from ipa.experiments.execute import RunOutcome, execute
from ipa.experiments.resolved import resolve_run
from ipa.experiments.spec import RunSpec
from ipa.results.folder import DECISIONS, PROVENANCE, REQUESTS, SUMMARY, write_lines, write_requests
from ipa.results.json_files import write_json
from ipa.results.provenance import environment
from ipa.studies.live_accuracy import stored_run
from ipa.studies.ocr_accuracy import PIPELINE, TEST_SEED
from ipa.workload import Workload

LOAD = ((100, 4), (100, 25), (100, 45), (100, 8), (100, 40), (100, 4))
"""Seconds, and requests per second in them."""
IMAGES = 1000
PLAN_CORES, CORES = 2, 3
"""What a plan may take, and with what it replaces: while a variant is switched both are there."""
ALPHA = 30.0


def load() -> Workload:
    """Return the load."""
    rates_rps = np.concatenate([np.full(seconds, rate) for seconds, rate in LOAD])
    return Workload("calm and busy", rates_rps, source="synthetic")


def run_live(workload: Workload | None = None, images: int = IMAGES) -> RunOutcome:
    """Serve a load on this machine; needs the weights (``ipa models fetch ocr``).

    Parameters
    ----------
    workload
        Another load than :func:`load`.
    images
        How many different images its requests carry: the first ones of the test set.
    """
    spec = RunSpec(
        PIPELINE,
        "calm and busy",
        alpha=ALPHA,
        beta=1.0,
        max_cores=PLAN_CORES,
        trace="synthetic",
        seed=TEST_SEED,
        platform="local",
    )
    served = spec.with_settings(
        source="packaged", payload="ocr", payload_settings=(("items", images),), core_limit=CORES
    )
    return execute(resolve_run(served, workload or load()))


def store(outcome: RunOutcome) -> None:
    """Keep a run as the one that comes with the repository."""
    folder = stored_run()
    folder.mkdir(parents=True, exist_ok=True)
    write_lines(folder / DECISIONS, [record.as_dict() for record in outcome.decisions])
    write_requests(folder / REQUESTS, outcome.requests.to_frame())
    write_json(folder / SUMMARY, outcome.summary())
    write_json(folder / PROVENANCE, environment())


if __name__ == "__main__":
    store(run_live())
