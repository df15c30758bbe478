"""Is adversarial training a penalty on operator norms, in numbers?

python -m training.studies.stability_training --dataset=mnist

Small networks, trained by each step at several strengths: radii of `adversarial`, `linf` and
`lipschitz` in units of white, the weight of the divergence of `virtual_adversarial`, the weights of
`layer_norms` and `jacobian_norm` (both `spectral`). Each is attacked on 1,000 test images, and what
can be proven of it is proven; its norms are measured on the validation split, where also equal
robustness is read off. Needs adversarial-robustness-toolbox (pip install '.[studies]').
"""

from training.experiments import Setting, Study, main

# Strengths of each step, weak to strong; chosen on the validation split with another seed.
LADDERS = {
    "plain": (0.0,),
    "adversarial": (0.25, 0.5, 1.0),
    "linf": (0.1,),
    "virtual_adversarial": (0.1, 1.0),
    "layer_norms": (0.003, 0.01, 0.03, 0.1),
    "jacobian_norm": (0.001, 0.01, 0.1),
    "lipschitz": (1.58,),
}
# Ladders of the networks that are not trained at each strength.
_FEWER = {"plain": (0.0,), "adversarial": (0.25, 1.0), "layer_norms": (0.03,)}
CUT = {
    "comodulation_mlp": _FEWER,
    "quadratic_mlp": _FEWER,
    "synchronous_mlp": _FEWER,
    "lipschitz_mlp": {"lipschitz": LADDERS["lipschitz"]},
}
NETWORKS = ("mlp", *CUT)


def cells(axes) -> list[dict]:
    """Each network with its steps, at their strengths; a step that it has not, at none."""
    return [
        {"dataset": dataset, "network": network, "step": step, "strength": strength}
        for dataset in axes["dataset"]
        for network in axes["network"]
        for step in axes["step"]
        for strength in CUT.get(network, LADDERS | {"lipschitz": ()}).get(step, ())
        if strength in axes["strength"]
    ]


STUDY = Study(
    name="stability_training",
    question="Is adversarial training a penalty on operator norms?",
    axes={
        "dataset": ["mnist_5k"],
        "network": list(NETWORKS),
        "step": list(LADDERS),
        "strength": sorted({strength for ladder in LADDERS.values() for strength in ladder}),
    },
    options={"dataset": ["mnist", "fashion_mnist"]},
    cells=cells,
    settings={
        "epochs": Setting(4, "Passes over the training split.", 1),
        "images": Setting(1000, "How many are attacked, of the test and validation split.", 1),
    },
    trial="training.studies.stability_training.trial:trial",
    report="training.studies.stability_training.report:report",
)

if __name__ == "__main__":
    main(STUDY)
