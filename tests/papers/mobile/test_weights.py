"""Where the weights of the losses go."""

from depthlib.papers.mobile.weights import PRINTED, direction, last_weights


class Record:
    """As much of a run as is looked at."""

    def __init__(self, curve: dict[str, list[float]]) -> None:
        self.result = {"curve": curve, "tests": {}}


def course(ranking: float, pixelwise: float, pairwise: float) -> Record:
    ends = {"weight_ranking": ranking, "weight_rmse": pixelwise, "weight_pairwise": pairwise}
    return Record({name: [1 / 3, 0.4, end] for name, end in ends.items()})


def test_where_the_weights_end():
    """The numbers of Sec. 4.3.1, typed anew."""
    assert PRINTED == {"ranking": 0.9, "pixelwise": 0.285, "pairwise": 0.1}
    ends = last_weights([course(0.9, 0.285, 0.1), course(0.8, 0.2, 0.4)])
    assert ends == {"ranking": [0.9, 0.8], "pixelwise": [0.285, 0.2], "pairwise": [0.1, 0.4]}
    assert {name: direction(of) for name, of in ends.items()} == {
        "ranking": "rises",
        "pixelwise": "falls",
        "pairwise": "differs between seeds",
    }
