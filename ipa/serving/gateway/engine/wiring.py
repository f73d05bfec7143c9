"""Which tensors a stage gets: by name, from the request and from the stages before it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ipa.pipeline.pipeline import Pipeline
from ipa.serving.gateway.engine.request import Request, Visit, VisitState
from ipa.serving.v2 import Tensor, merge, signature


class Wiring:
    """The inputs of every stage, and the outputs of the pipeline.

    A stage gets what ``Stage.inputs`` in its pipeline file says. Without that, the first stage gets the
    inputs of the request, and a later one the outputs of the stages that lead to it, under their names; if
    two of these are the same, all get their stage in front (``STAGE.NAME``). The answer holds the outputs of
    the last stages in the same way. Where a request can visit a stage several times, what joins later gets
    all that these visits brought, stacked behind the first axis: [1, visits, ...].

    Parameters
    ----------
    pipeline
        Whose stages these are.
    most_visits
        How often a request can visit each stage.
    """

    def __init__(self, pipeline: Pipeline, most_visits: Sequence[int]) -> None:
        self._places = {stage.name: place for place, stage in enumerate(pipeline.stages)}
        self._names = tuple(self._places)
        self._declared = tuple(stage.inputs for stage in pipeline.stages)
        self._joins = pipeline.joins()
        before = pipeline.predecessors()
        self._before = [tuple(self._places[name] for name in before[stage]) for stage in self._names]
        leading = {name for names in before.values() for name in names}
        self._last = tuple(place for name, place in self._places.items() if name not in leading)
        self._many = tuple(most > 1 for most in most_visits)
        self.needed_inputs = frozenset(
            source.tensor for inputs in self._declared for source in inputs if not source.stage
        )
        """Names of the inputs that a request must have; it may have others."""

    def needed_outputs(self, place: int) -> frozenset[str]:
        """Return the names of the outputs that a stage must have, for others ask for them."""
        name = self._names[place]
        return frozenset(
            source.tensor for inputs in self._declared for source in inputs if source.stage == name
        )

    def inputs(self, place: int, request: Request, cause: Visit | None) -> Sequence[Tensor]:
        """Return what a visit to a stage gets that follows from another one."""
        if self._declared[place]:
            return list(self._pick(place, request, cause))
        if cause is None:
            return request.inputs
        return self._gather(self._before[place], request) if self._joins[place] else cause.outputs

    def answer(self, request: Request) -> Sequence[Tensor]:
        """Return what the client gets."""
        return self._gather(self._last, request)

    def _pick(self, place: int, request: Request, cause: Visit | None) -> Iterable[Tensor]:
        for source in self._declared[place]:
            if not source.stage:
                found = request.inputs
            elif self._joins[place]:
                found = self._outputs(self._places[source.stage], request)
            else:
                place_of = self._places[source.stage]
                found = _on_the_way(cause, place_of) or self._outputs(place_of, request)
            for tensor in found:
                if tensor.name == source.tensor:
                    yield replace(tensor, name=source.name)

    def _gather(self, places: Sequence[int], request: Request) -> Sequence[Tensor]:
        found = [(place, self._outputs(place, request)) for place in places]
        if len(found) == 1:
            return found[0][1]
        names = [tensor.name for _, tensors in found for tensor in tensors]
        if len(set(names)) == len(names):
            return [tensor for _, tensors in found for tensor in tensors]
        return [
            replace(tensor, name=f"{self._names[place]}.{tensor.name}")
            for place, tensors in found
            for tensor in tensors
        ]

    def _outputs(self, place: int, request: Request) -> Sequence[Tensor]:
        visits = [visit for visit in request.visits[place] if visit.state is VisitState.ENDED]
        if not visits:
            return ()
        return _stacked(visits) if self._many[place] else visits[0].outputs


def _on_the_way(visit: Visit | None, place: int) -> Sequence[Tensor]:
    """Return the outputs of the visit to a stage from which a visit followed."""
    while visit is not None:
        if visit.place == place:
            return visit.outputs
        visit = visit.cause
    return ()


def _stacked(visits: Sequence[Visit]) -> Sequence[Tensor]:
    """Return the outputs of several visits as those of one item, each with an axis more."""
    if len({signature(visit.outputs) for visit in visits}) == 1:
        merged = merge([visit.outputs for visit in visits])
        return [replace(tensor, shape=(1, *tensor.shape)) for tensor in merged]
    # Those of different shapes cannot be stacked: each gets a name of its own.
    return [
        replace(tensor, name=f"{tensor.name}.{visit.nth}") for visit in visits for tensor in visit.outputs
    ]
