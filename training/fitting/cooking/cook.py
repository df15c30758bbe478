"""Goes through a schedule: phases, restarts, a checkpoint after each phase."""

import copy
import dataclasses
import json
import math
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import sonnet as snt
import tensorflow as tf
from tqdm import tqdm

from training.engine.workdir import Workdir
from training.fitting.cooking import annealing, schedule, solvers, starts, terms
from training.fitting.cooking.objective import Objective
from training.fitting.cooking.schedule import Schedule
from training.fitting.cooking.state import Progress, State, fingerprint, load, save
from training.fitting.cooking.tables import Data, checked
from weirdonetworks import _checks


@dataclasses.dataclass(frozen=True)
class Cooked:
    """What came out.

    Attributes:
      network: of the best restart; nobody else holds it.
      rows: one for each phase of each restart, by `state.COLUMNS`. Errors are in the schedule's
        loss, infinite where a restart failed with numbers that are not finite (its later phases
        are left out); `held` counts the parameters that no later phase moves, `terms` those of the
        layer whose terms a phase has changed (None for other phases). `complete` is True where a
        restart has come to the end of the schedule in time; one that has not is the best only if
        none has.
      restart: the best one.
      train_error, validation_error: its errors at the end.
    """

    network: snt.Module
    rows: tuple[dict[str, Any], ...]
    restart: int
    train_error: float
    validation_error: float


def cook(
    network: snt.Module | Callable[[], snt.Module],
    data: Data,
    schedule: Schedule,
    seed: int = 0,
    *,
    workdir: Workdir | str | os.PathLike | None = None,
    resume: bool = False,
    seconds: float | None = None,
    progress: bool | None = None,
) -> Cooked:
    """Cooks a network by a schedule: see `Cook` and `Cook.run`."""
    return Cook(network, data, schedule).run(
        seed, workdir=workdir, resume=resume, seconds=seconds, progress=progress
    )


class Cook:
    """A network, data and a schedule; runs share what has been compiled."""

    def __init__(
        self, network: snt.Module | Callable[[], snt.Module], data: Data, schedule: Schedule
    ):
        """`network` is a function that makes one, with new random values for each restart, or a
        network, of which copies are cooked: the variables it has, if any, are the start.

        Raises:
          ValueError: none of those, restarts of one network, data that `tables.checked` refuses.
        """
        if not isinstance(schedule, Schedule):
            raise ValueError(f"schedule must be a Schedule, got {schedule!r}")
        if not callable(network):
            raise ValueError(
                f"network must be a Sonnet module or a function without arguments, got {network!r}"
            )
        if isinstance(network, snt.Module) and schedule.restarts > 1:
            raise ValueError(
                "network must be a function that makes one for a schedule with restarts, "
                f"got {network!r} and restarts {schedule.restarts}"
            )
        self._network = network
        self.data = checked(data)
        self.schedule = schedule
        self._objectives: dict[tuple, Objective] = {}

    def run(
        self,
        seed: int = 0,
        *,
        workdir: Workdir | str | os.PathLike | None = None,
        resume: bool = False,
        seconds: float | None = None,
        progress: bool | None = None,
    ) -> Cooked:
        """Goes through the schedule and returns the best restart.

        Everything random depends on (seed, restart, phase). The same seed gives the same bits on
        the same machine, also in a run that was interrupted and goes on, where no phase is SciPy's:
        its least squares round differently with the alignment of memory, which shows in the last
        bits, and more where parameters are redundant.

        After `seconds` of CPU time (compilation included), a phase stops where it is, the rest of
        the schedule is left out and no restart begins.

        With a workdir, config.json, phases.csv, result.json and, after each phase, all that the
        next one depends on; `resume` continues after the last phase that was finished.
        `progress=False` shows no bar; None, one on a terminal.

        Raises:
          ValueError: a bad argument, a pattern that matches nothing, or whatever a phase refuses.
          FloatingPointError: numbers that are not finite in every restart.
        """
        _checks.integer("seed", seed, minimum=0)
        clock = solvers.Clock(None if seconds is None else _checks.positive("seconds", seconds))
        self._check_phases()
        folder = self._claim(workdir, seed, resume)
        phases, loss = self.schedule.phases, self.schedule.loss
        rows, state, best, first = load(folder)
        bar = tqdm(
            total=self.schedule.restarts * len(phases),
            initial=first[0] * len(phases) + first[1],
            desc="cooking",
            disable=None if progress is None else not progress,
        )
        with bar:
            for restart in range(first[0], self.schedule.restarts):
                begin = first[1] if restart == first[0] else 0
                if best and (clock.passed() or best[1]["validation_error"] <= self.schedule.target):
                    break
                if not begin:
                    state = self._fresh(seed, restart)
                for index in range(begin, len(phases)):
                    row, state = self._phase(state, seed, restart, index, clock)
                    failed, late = not math.isfinite(row["validation_error"]), clock.passed()
                    row["complete"] = index + 1 == len(phases) and not failed and not late
                    rows.append(row)
                    last = failed or late or index + 1 == len(phases)
                    if last and not failed and _better(row, best):
                        best = (state, row)
                    following = (restart + 1, 0) if last else (restart, index + 1)
                    if folder:
                        save(folder, Progress(rows, state, best, following))
                    bar.update(len(phases) - index if failed else 1)
                    bar.set_postfix_str(f"{phases[index].kind} {row['validation_error']:.3g}")
                    if last:
                        break
        if best is None:
            raise FloatingPointError(f"no restart ended with finite numbers (loss {loss!r})")
        state, row = best
        if folder:
            folder.write("result.json", {**row, "rows": len(rows)})
        objective = self._objective(state.sizes)
        objective.assign(state.x)
        return Cooked(
            copy.deepcopy(objective.network),
            tuple(rows),
            row["restart"],
            row["train_error"],
            row["validation_error"],
        )

    def _check_phases(self) -> None:
        """Raises ValueError before a phase has run for what a later one could not use."""
        objective = self._objective({})
        objective.check(self.schedule.loss)
        for phase in self.schedule.phases:
            if isinstance(phase, (schedule.AddTerm, schedule.PruneTerms)):
                terms.get_layer(objective.network, phase.layer)
            elif not isinstance(phase, schedule.Start):
                objective.matching(phase.frozen)
                residuals = isinstance(phase, (schedule.LeastSquares, schedule.Anneal))
                objective.check(phase.loss or self.schedule.loss, residuals)
            if isinstance(phase, schedule.Anneal):
                objective.matching(phase.exponents, "exponents")

    def _claim(self, workdir: Any, seed: int, resume: bool) -> Workdir | None:
        if workdir is None:
            return None
        folder = workdir if isinstance(workdir, Workdir) else Workdir(workdir)
        network = self._make(seed, 0)
        config = {
            "schedule": json.loads(self.schedule.to_json()),
            "seed": seed,
            "data": fingerprint(self.data),
            "network": type(network).__name__,
            "variables": [[v.name, list(v.shape)] for v in network.trainable_variables],
        }
        folder.claim(config, resume)
        return folder

    def _make(self, seed: int, restart: int) -> snt.Module:
        """A network with its variables, drawn from (seed, restart)."""
        tf.random.set_seed(int(np.random.SeedSequence([seed, restart]).generate_state(1)[0]))
        if isinstance(self._network, snt.Module):
            network = copy.deepcopy(self._network)
        else:
            network = self._network()
        if not isinstance(network, snt.Module):
            raise ValueError(f"network must make a Sonnet module, got {network!r}")
        network(tf.constant(self.data.train_inputs[:1]))
        return network

    def _objective(self, sizes: dict[str, int]) -> Objective:
        """The objective of a network with these numbers of terms, compiled once."""
        key = tuple(sorted(sizes.items()))
        if key not in self._objectives:
            network = self._make(0, 0)
            for path, size in sizes.items():
                layer = terms.resized(terms.get_layer(network, path), size)
                network = terms.set_layer(network, path, layer)
            self._objectives[key] = Objective(network, self.data)
        return self._objectives[key]

    def _fresh(self, seed: int, restart: int) -> State:
        objective = self._objective({})
        variables = self._make(seed, restart).trainable_variables
        if tuple(tuple(v.shape) for v in variables) != objective.shapes:
            raise ValueError(
                "network must make networks with variables of the same shapes each time, "
                f"got {[tuple(v.shape) for v in variables]} after {list(objective.shapes)}"
            )
        x = np.concatenate([np.ravel(v.numpy()) for v in variables]).astype(np.float64)
        return State(x, np.zeros(len(x), bool), {})

    def _phase(
        self, state: State, seed: int, restart: int, index: int, clock: solvers.Clock
    ) -> tuple[dict[str, Any], State]:
        """Runs a phase from a state; returns its row and the state after it."""
        started = time.perf_counter()
        phase = self.schedule.phases[index]
        draw = [seed, restart, index]
        objective = self._objective(state.sizes)
        objective.assign(state.x)
        held, sizes, count = state.held, state.sizes, None
        failed = False
        if isinstance(phase, (schedule.AddTerm, schedule.PruneTerms)):
            objective, held, count = self._change_terms(phase, objective, state, draw)
            sizes = {**sizes, phase.layer: count}
        elif isinstance(phase, schedule.Start):
            starts.start(phase, objective, draw)
        else:
            loss = phase.loss or self.schedule.loss
            free = ~held & ~objective.matching(phase.frozen)
            try:
                if isinstance(phase, schedule.Adam):
                    solvers.adam(phase, objective, loss, free, draw, clock)
                elif isinstance(phase, schedule.LBFGS):
                    solvers.lbfgs(phase, objective, loss, free, clock)
                elif isinstance(phase, schedule.LeastSquares):
                    solvers.least_squares(phase, objective, loss, free, clock)
                else:
                    held = held | annealing.anneal(
                        phase, objective, loss, self.schedule.loss, free, clock
                    )
            except FloatingPointError:
                failed = True
        errors = [objective.error(self.schedule.loss, validation) for validation in (False, True)]
        if failed or not np.all(np.isfinite(errors)):
            errors = [math.inf, math.inf]
        row = {
            "restart": restart,
            "phase": index,
            "kind": phase.kind,
            "seconds": time.perf_counter() - started,
            "train_error": errors[0],
            "validation_error": errors[1],
            "parameters": len(objective.values()),
            "held": int(held.sum()),
            "terms": count,
        }
        return row, State(objective.values(), held, sizes)

    def _change_terms(
        self,
        phase: schedule.AddTerm | schedule.PruneTerms,
        objective: Objective,
        state: State,
        draw: list[int],
    ) -> tuple[Objective, np.ndarray, int]:
        """The objective of a network with the layer's new terms, what is held there, and how many
        terms there are. Exponents stay held with their terms; the layer's coefficients are free."""
        layer = terms.get_layer(objective.network, phase.layer)
        inputs = terms.inputs_of(objective.network, phase.layer, objective.training[0])
        if isinstance(phase, schedule.AddTerm):
            new, kept = terms.add_term(layer, inputs, phase.how, phase.share, phase.spread, draw)
        else:
            new, kept = terms.prune_terms(layer, inputs, phase.share)
        replaced = zip(layer.trainable_variables, new.trainable_variables, strict=True)
        replaced = {old.ref(): variable for old, variable in replaced}
        values, held = [], []
        for variable, piece in zip(objective.variables, objective.split(state.held), strict=True):
            own = replaced.get(variable.ref(), variable)
            if variable is layer.raw_exponents:
                piece = piece[:, kept] & (kept >= 0)
            elif own is not variable:
                piece = np.zeros(own.shape, bool)
            values.append(np.ravel(own.numpy()))
            held.append(piece.ravel())
        objective = self._objective({**state.sizes, phase.layer: new.num_terms})
        objective.assign(np.concatenate(values))
        return objective, np.concatenate(held), new.num_terms


def _better(row: dict[str, Any], best: tuple[State, dict[str, Any]] | None) -> bool:
    if best is None or row["complete"] != best[1]["complete"]:
        return best is None or row["complete"]
    return row["validation_error"] < best[1]["validation_error"]
