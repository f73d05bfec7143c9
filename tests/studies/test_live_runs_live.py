"""A short live run, measured and simulated: what the notebook does with longer ones."""

import pytest

from ipa.studies import live_against_simulated as study
from ipa.studies import live_runs
from ipa.studies.live_runs import Pair, Side

pytestmark = pytest.mark.live


def test_a_live_run_is_what_its_simulation_says() -> None:
    run = live_runs.live_run(seed=0, seconds=15, emulate_start_up=False)
    live, overheads = live_runs.run_live(run)
    assert set(live.requests["outcome"]) == {"ok"}
    assert len(live.requests) == run.workload.total_requests
    # A step at 10 s changes the variant of a stage, and the new replica serves soon.
    assert len(live.decisions) == 2
    assert 0 < overheads.start_up_s < 20
    assert 0.0005 < overheads.dispatch_s < 0.2
    pair = Pair(0, overheads, live, Side.of(live_runs.simulated_twin(run, overheads)))
    compared = study.compare([pair])
    assert compared["equal_decisions_pct"].tolist() == [100]
    ratio = compared["mean_s_simulated"][0] / compared["mean_s_live"][0]
    # Within a few per cent on an idle machine; this bound holds on a busy one.
    assert 0.6 < ratio < 1.4
