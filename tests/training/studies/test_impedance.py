"""Impedance tomography: the physics against two other computations, direct sampling, a trial."""

import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg

from training.studies.impedance import disc

CASES = [
    (0.0, 0.5, 4.0),
    (0.3 + 0.4j, 0.3, 0.1),
    (-0.6j, 0.2, 10.0),
]  # centre, radius, conductivity


def inclusions(*cases):
    centre, radius, conductivity = zip(*cases, strict=True)
    return disc.Inclusions(np.array(centre, complex), np.array(radius), np.array(conductivity))


def finite_volumes(case, rings):
    """u at the boundary of a polar grid, [PATTERNS, angles], of mean 0: fluxes between cells.

    Between two centres, resistances along the line add up.
    """
    angles, h = 4 * rings, 1 / rings
    step = 2 * np.pi / angles
    radii, theta = (np.arange(rings) + 0.5) * h, np.arange(angles) * step
    cells = np.arange(rings * angles).reshape(rings, angles)

    def resistance(points):  # mean of 1 / sigma over the last axis
        inside = np.abs(points - case[0]) < case[1]
        return np.where(inside, 1 / case[2], 1.0).mean(axis=-1)

    parts = (np.arange(16) + 0.5) / 16
    outwards = (radii[:-1, None] + h * parts)[:, None, :] * np.exp(1j * theta)[None, :, None]
    around = radii[:, None, None] * np.exp(1j * (theta[:, None] + step * parts))[None]
    faces = (radii[:-1, None] + h / 2) * step / h
    links = [
        (cells[:-1], cells[1:], faces / resistance(outwards)),
        (cells, np.roll(cells, -1, axis=1), h / (radii[:, None] * step) / resistance(around)),
    ]
    matrix = scipy.sparse.lil_matrix((cells.size, cells.size)).tocsr()
    for one, other, weight in links:
        i, j, w = one.ravel(), other.ravel(), np.broadcast_to(weight, one.shape).ravel()
        rows, columns = np.r_[i, j, i, j], np.r_[i, j, j, i]
        matrix += scipy.sparse.csr_matrix((np.r_[w, w, -w, -w], (rows, columns)), matrix.shape)
    currents = np.array([f(n * theta) for n in disc.ORDERS for f in (np.cos, np.sin)])
    sources = np.zeros([cells.size, len(currents)])
    sources[cells[-1]] = currents.T * step
    # The first cell is grounded: only differences of voltages count.
    u = np.zeros_like(sources)
    u[1:] = scipy.sparse.linalg.splu(matrix[1:, 1:].tocsc()).solve(sources[1:])
    u = u[cells[-1]].T + currents * h / 2
    return u - u.mean(axis=1, keepdims=True)


@pytest.mark.slow
def test_finite_volumes_come_nearer_as_the_grid_gets_finer():
    """Of concentric and eccentric inclusions; not of one that is elsewhere."""
    for case in CASES:
        errors, wrong = [], []
        for rings in (16, 32, 64):
            places = disc.electrodes(4 * rings)
            found = finite_volumes(case, rings) - finite_volumes((0.0, 0.0, 1.0), rings)
            exact = disc.differences(inclusions(case), places)[0]
            moved = disc.differences(inclusions((case[0] + 0.1, *case[1:])), places)[0]
            errors.append(np.linalg.norm(found - exact) / np.linalg.norm(exact))
            wrong.append(np.linalg.norm(found - moved) / np.linalg.norm(exact))
        print(case, errors, wrong)
        assert errors[2] < errors[1] < errors[0] and errors[2] < 0.03
        assert wrong[2] > 0.1
