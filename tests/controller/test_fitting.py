"""No plan is larger than what fits into the cluster."""

from ipa.controller.fitting import GOOD_FOR_S, FittingCores, fitting_planner
from ipa.errors import ClusterError
from ipa.optimizer.planner import Planner
from ipa.optimizer.problem import Constraints, Objective
from ipa.pipeline.load import load_pipeline


class Cluster:
    def __init__(self, cores: int | None) -> None:
        self.cores, self.asked, self.now_s = cores, 0, 0.0
        self.away = False

    def ask(self) -> int | None:
        self.asked += 1
        if self.away:
            raise ClusterError("list pods: no answer")
        return self.cores

    def clock(self) -> float:
        return self.now_s


def test_what_fits_is_asked_for_when_it_is_old() -> None:
    cluster = Cluster(8)
    fits = FittingCores(cluster.ask, cluster.clock)
    assert [fits.now(), fits.now()] == [8, 8]
    cluster.cores = 4
    assert fits.now() == 8
    cluster.now_s += GOOD_FOR_S
    assert fits.now() == 4
    assert cluster.asked == 2
    cluster.away = True
    cluster.now_s += GOOD_FOR_S
    assert fits.now() == 4


def test_the_smaller_limit_counts() -> None:
    video, costly = load_pipeline("video"), Objective(alpha=1000)
    for limit, fitting, most in ((None, None, None), (None, 6, 6), (4, 6, 4), (8, 6, 6), (8, 0, 1)):
        planner = Planner(video, costly, Constraints(max_cores=limit))
        cluster = Cluster(fitting)
        fitted = fitting_planner(planner, FittingCores(cluster.ask, cluster.clock))
        assert fitted.most_cores == most
        if most != 1:
            assert fitted.decide(5).plan.cost_cores <= (most or 1000)
    assert fitted.decide(5).plan == Planner(video, costly, Constraints(max_cores=1)).decide(5).plan
