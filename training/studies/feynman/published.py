"""What SRBench published for these laws, to be shown beside our own rates."""

# Symbolic solution rates in %, {method: {noise: (all Feynman problems, the 38 monomials)}}: La Cava
# et al. 2021, "Contemporary symbolic regression methods and their relative performance", its
# published results averaged over problems and ten trials. Its methods search families that hold
# sines, exponentials and quotients of sums, of which a posynomial's is a small part: a lower rate
# on the laws of the small one is no fault of theirs.
SRBENCH = {
    "AIFeynman": {0.0: (55.8, 86.1), 0.001: (1.5, 0.3), 0.01: (0.0, 0.0)},
    "AFP_FE": {0.0: (27.0, 59.7), 0.001: (15.9, 36.6), 0.01: (8.8, 21.3)},
    "ITEA": {0.0: (22.4, 60.5)},
    "Operon": {0.0: (16.6, 45.8)},
    "gplearn": {0.0: (16.3, 34.5), 0.001: (15.8, 35.2), 0.01: (13.2, 27.5)},
}
CAVEAT = "SRBench's methods search a wider family than ours; its rates are published, not run here"
