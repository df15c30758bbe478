"""The compiled loop: what it computes, in which order, and that neither calls nor crashes show."""

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from training.data import Split
from training.data.transformations import Draw
from training.engine import steps
from training.engine.invariant_start import average_over_rotations
from training.engine.loop import Loop, scale
from training.engine.recipes import Recipe

EPOCHS, BATCH = 4, 8


def random_split(size: int = 45, classes: int = 4) -> Split:
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(size, 4, 4, 1), dtype=np.uint8)
    return Split(images, rng.integers(classes, size=size, dtype=np.int32))


def new_loop(seed: int = 0, dropout: float = 0.0, split: Split | None = None, **settings) -> Loop:
    tf.random.set_seed(seed)
    name = settings.pop("network", "mlp")
    arguments = {"activation": "tanh"} if name == "mlp" else {}
    network = wn.create_network(name, 4, hidden_sizes=(6,), dropout=dropout, **arguments)
    settings = {"epochs": EPOCHS, "batch_size": BATCH, "learning_rate": 0.02, **settings}
    step = settings.pop("step", None)
    return Loop(network, split or random_split(), Recipe(**settings), seed, step=step)


def variables(loop: Loop) -> list[tf.Variable]:
    """All that a run carries from step to step: weights, masks' counts, slots, steps."""
    return [*loop.network.variables, *loop.optimizer.variables, loop.step]


def assert_bit_equal(some, others) -> None:
    assert len(some) == len(others)
    for one, other in zip(some, others, strict=True):
        np.testing.assert_array_equal(one, other, strict=True)


class EagerReference:
    """The same training in float64 with numpy: back-propagation, decay, Adam, schedule by hand."""

    def __init__(self, loop: Loop, decay: float, smoothing: float, rate):
        self.weights = [v.numpy().astype(float) for v in loop.network.trainable_variables]
        self.m = [np.zeros_like(w) for w in self.weights]
        self.v = [np.zeros_like(w) for w in self.weights]
        self.steps = 0
        self.decay, self.smoothing, self.rate = decay, smoothing, rate

    def step(self, images: np.ndarray, labels: np.ndarray) -> tuple[float, int]:
        # trainable_variables are in the order of their names, b before w.
        b1, w1, b2, w2 = self.weights
        x = images.reshape(len(images), -1) / 255
        h = np.tanh(x @ w1 + b1)
        logits = h @ w2 + b2
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        target = (1 - self.smoothing) * np.eye(4)[labels] + self.smoothing / 4
        d2 = (p - target) / len(images)
        d1 = d2 @ w2.T * (1 - h**2)
        gradients = [d1.sum(axis=0), x.T @ d1, d2.sum(axis=0), h.T @ d2]
        rate = self.rate(self.steps)
        self.steps += 1
        for i, g in enumerate(gradients):
            if g.ndim > 1:
                self.weights[i] = self.weights[i] * (1 - rate * self.decay)
            self.m[i] = 0.9 * self.m[i] + 0.1 * g
            self.v[i] = 0.999 * self.v[i] + 0.001 * g**2
            m = self.m[i] / (1 - 0.9**self.steps)
            v = self.v[i] / (1 - 0.999**self.steps)
            self.weights[i] = self.weights[i] - rate * m / (np.sqrt(v) + 1e-8)
        loss = -np.mean(np.sum(target * np.log(p), axis=1))
        return loss, np.sum(np.argmax(logits, axis=1) == labels)

    def epoch(self, split: Split, seed: int, epoch: int) -> tuple[float, float]:
        order = np.random.default_rng([seed, epoch]).permutation(len(split))
        count = len(split) // BATCH
        batches = order[: count * BATCH].reshape(count, BATCH)
        outcomes = [self.step(split.images[batch], split.labels[batch]) for batch in batches]
        losses, hits = zip(*outcomes, strict=True)
        return np.mean(losses), np.sum(hits) / (count * BATCH)


def cosine_after_rise(step: int) -> float:
    """Of 4 epochs of 5 steps, the first 1.5 epochs rise: 8 steps (7.5, rounded to even)."""
    if step < 8:
        return 0.02 * (step + 1) / 9
    return 0.02 * 0.5 * (1 + np.cos(np.pi * (step - 8) / 12))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "rate"),
    [
        ({"schedule": "constant"}, lambda step: 0.02),
        ({"schedule": "linear", "weight_decay": 2.0}, lambda step: 0.02 * (1 - step / 20)),
        (
            {
                "schedule": "cosine",
                "warmup_epochs": 1.5,
                "weight_decay": 1.0,
                "label_smoothing": 0.2,
            },
            cosine_after_rise,
        ),
    ],
    ids=["adam", "decay", "everything"],
)
def test_the_loop_agrees_with_plain_numpy(settings, rate):
    loop = new_loop(seed=3, **settings)
    decay, smoothing = (settings.get(key, 0.0) for key in ("weight_decay", "label_smoothing"))
    reference = EagerReference(loop, decay, smoothing, rate)
    without = EagerReference(loop, 0.0, 0.0, lambda step: 0.02)
    for epoch in range(EPOCHS):
        metrics = loop.run_epoch()
        loss, accuracy = reference.epoch(random_split(), 3, epoch)
        without.epoch(random_split(), 3, epoch)
        np.testing.assert_allclose(metrics.loss, loss, rtol=2e-5)
        assert metrics.accuracy == accuracy
        np.testing.assert_allclose(loop.learning_rate, rate(5 * epoch + 4), rtol=1e-5, atol=1e-9)
    for ours, theirs in zip(loop.network.trainable_variables, reference.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=2e-5)
    for ours, theirs in zip(loop.optimizer.m, reference.m, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=2e-6)
    if decay or smoothing:  # and the settings matter
        gaps = [
            np.abs(a - b).max() for a, b in zip(reference.weights, without.weights, strict=True)
        ]
        assert max(gaps) > 0.01


class Recorder(snt.Module):
    """Learns nothing and notes which images it has been shown: their labels are their places."""

    def __init__(self, shown: int):
        super().__init__()
        self.w = tf.Variable(0.0)
        self.labels = tf.Variable(-tf.ones([shown], tf.int32), trainable=False)
        self.pixels = tf.Variable(-tf.ones([shown], tf.int32), trainable=False)
        self.count = tf.Variable(0, trainable=False)

    def __call__(self, images, is_training):
        return tf.zeros([images.shape[0], 2]) + self.w


def record(network: Recorder, objective, images, labels, draw) -> steps.Outcome:
    places = network.count + tf.range(images.shape[0])
    seen = tf.cast(tf.round(images[:, 0, 0, 0] * 255), tf.int32)
    for variable, values in ((network.labels, labels), (network.pixels, seen)):
        variable.assign(tf.tensor_scatter_nd_update(variable, places[:, None], values))
    network.count.assign_add(images.shape[0])
    return steps.Outcome(tf.constant(0.0), network(images, True), [tf.constant(0.0)])


def orders(seed: int, size: int = 45, epochs: int = 12, batch: int = BATCH) -> np.ndarray:
    """Which images each epoch shows, [epochs, steps * batch]."""
    places = np.arange(size)
    split = Split(places.astype(np.uint8).reshape(-1, 1, 1, 1), places.astype(np.int32))
    used = size // batch * batch
    recorder = Recorder(epochs * used)
    loop = Loop(recorder, split, Recipe(epochs=epochs, batch_size=batch), seed, step=record)
    for _ in range(epochs):
        loop.run_epoch()
    np.testing.assert_array_equal(recorder.pixels, recorder.labels)  # images keep their labels
    return recorder.labels.numpy().reshape(epochs, used)


@pytest.fixture(scope="module")
def shown() -> np.ndarray:
    return orders(seed=0)


def test_no_image_is_shown_twice_in_an_epoch(shown):
    assert shown.shape == (12, 40) and shown.min() >= 0 and shown.max() < 45
    for epoch in shown:
        assert len(set(epoch)) == 40


def test_every_epoch_has_an_order_of_its_own(shown):
    """Neither the order nor the remainder that is left out may be frozen at trace time."""
    assert len({tuple(epoch) for epoch in shown}) == 12
    remainders = {frozenset(range(45)) - frozenset(epoch) for epoch in shown}
    assert len(remainders) == 12
    for place in range(40):  # nor any single place: 1 of 45 images each time
        assert len(set(shown[:, place])) > 4


def test_in_the_long_run_every_image_is_shown(shown):
    assert set(shown.flat) == set(range(45))


@pytest.mark.slow
def test_the_order_depends_on_the_seed_and_the_epoch_alone(shown):
    np.random.seed(99)  # noqa: NPY002
    tf.random.set_seed(99)
    np.testing.assert_array_equal(orders(seed=0, epochs=3), shown[:3])
    others = orders(seed=1, epochs=3)
    assert not any(np.array_equal(a, b) for a in others for b in shown)


@pytest.mark.slow
def test_a_batch_may_be_the_whole_split():
    whole = orders(seed=0, size=9, epochs=3, batch=9)
    np.testing.assert_array_equal(np.sort(whole), np.tile(np.arange(9), (3, 1)))


def state(loop: Loop) -> list[np.ndarray]:
    return [variable.numpy() for variable in variables(loop)]


def put_back(loop: Loop, values: list[np.ndarray]) -> None:
    for variable, value in zip(variables(loop), values, strict=True):
        variable.assign(value)


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """A loop with dropout, its states and metrics from the start over three epochs; one saved."""
    loop = new_loop(dropout=0.4, label_smoothing=0.1, weight_decay=0.1)
    states, metrics = [state(loop)], []
    for _ in range(3):
        metrics.append(loop.run_epoch())
        states.append(state(loop))
        if loop.epoch == 1:
            saved = loop.checkpoint.save(str(tmp_path_factory.mktemp("loop") / "ckpt"))
    return loop, states, metrics, saved


@pytest.mark.slow
def test_the_counters_count_and_the_loss_falls(straight):
    loop, states, metrics, _ = straight
    assert loop.steps_per_epoch == 5
    assert [values[-1] for values in states] == [0, 5, 10, 15]
    assert (loop.epoch, int(loop.step)) == (3, 15)
    assert metrics[2].loss < metrics[0].loss
    assert all(0 < epoch.accuracy < 1 for epoch in metrics)
    for before, after in zip(states, states[1:], strict=False):
        same = [np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
        still = [v.name for v, at_rest in zip(variables(loop), same, strict=True) if at_rest]
        assert still == ["mlp/dropout_0/key:0"]


@pytest.mark.slow
def test_any_division_into_calls_gives_the_same_bits(straight, monkeypatch):
    """With dropout, whose masks count calls of the network and not of the compiled function."""
    loop, states, metrics, _ = straight

    def run(call_steps) -> tuple[list, list]:
        put_back(loop, states[0])
        sizes = iter(call_steps)
        adapt = lambda *_: setattr(loop, "_call_steps", next(sizes, 1000))  # noqa: E731
        monkeypatch.setattr(loop, "_adapt", adapt)
        loop._adapt()
        return [loop.run_epoch() for _ in range(2)], state(loop)

    for call_steps in ([1] * 10, [5, 5], [1000, 1000], [2, 1, 2, 4, 1], [3, 3, 1, 3, 3]):
        divided, values = run(call_steps)
        assert divided == metrics[:2]
        assert_bit_equal(values, states[2])
    assert loop._compiled.experimental_get_tracing_count() == 1


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bits_and_a_restored_loop_too(straight):
    _, states, metrics, saved = straight
    again = new_loop(dropout=0.4, label_smoothing=0.1, weight_decay=0.1)
    assert_bit_equal(state(again), states[0])
    assert [again.run_epoch() for _ in range(3)] == metrics
    assert_bit_equal(state(again), states[3])
    again.checkpoint.restore(saved).assert_consumed()
    assert again.epoch == 1
    assert_bit_equal(state(again), states[1])
    assert [again.run_epoch() for _ in range(2)] == metrics[1:]
    assert_bit_equal(state(again), states[3])


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        *("augment", "penalty", "dream"),
        *("adversarial", "virtual_adversarial", "spectral", "lipschitz"),
    ],
)
def test_a_restored_loop_draws_the_same(name, tmp_path):
    """Nothing of a step is hidden from the checkpoint: from there it goes on to the same bits."""
    arguments = {"spectral": {"jacobian_weight": 0.1}, "adversarial": {"num_steps": 2}}
    step = steps.create_step(name, shift=1, **arguments.get(name, {}))
    network = "lipschitz_mlp" if name == "lipschitz" else "mlp"
    loop = new_loop(dropout=0.4, step=step, network=network)
    loop._compiled = tf.function(loop._many_steps, autograph=False)  # not XLA: it takes long
    saved = loop.checkpoint.save(str(tmp_path / "ckpt"))
    metrics = [loop.run_epoch() for _ in range(2)]
    after = state(loop)
    assert metrics[0] != metrics[1]
    loop.checkpoint.restore(saved).assert_consumed()
    assert [loop.run_epoch() for _ in range(2)] == metrics
    assert_bit_equal(state(loop), after)


class Diary(snt.Module):
    """A step that is plain, but notes what it draws and when `after` is called."""

    def __init__(self, count: int):
        super().__init__()
        self.drawn = tf.Variable(tf.zeros([count, 3]), trainable=False)
        self.before = tf.Variable(tf.zeros([count]), trainable=False)
        self.after = tf.Variable(tf.zeros([count]), trainable=False)
        self.rates = tf.Variable(tf.zeros([count]), trainable=False)

    def __call__(self, network, objective, images, labels, draw):
        weight = network.trainable_variables[0]
        self.drawn.scatter_nd_update([[draw.step]], [draw.uniform([3])])
        self.before.scatter_nd_update([[draw.step]], [weight[0]])

        def after(rate):
            self.rates.scatter_nd_update([[draw.step]], [rate])
            self.after.scatter_nd_update([[draw.step]], [weight[0]])
            weight.assign_add(tf.ones_like(weight))

        outcome = steps.plain(network, objective, images, labels, draw)
        return outcome._replace(gradients=[tf.ones_like(g) for g in outcome.gradients], after=after)


@pytest.mark.slow
def test_steps_get_their_draws_and_their_time_after_the_update():
    diary = Diary(10)
    loop = new_loop(seed=7, step=diary, optimizer="sgd", schedule="linear")
    start = loop.network.trainable_variables[0].numpy()[0]
    for _ in range(2):
        loop.run_epoch()
    expected = [Draw(7, tf.constant(n)).uniform([3]) for n in range(10)]
    np.testing.assert_array_equal(diary.drawn, expected)
    assert len(np.unique(diary.drawn)) == 30
    rates = 0.02 * (1 - np.arange(10) / 20)
    np.testing.assert_allclose(diary.rates, rates, rtol=1e-5)
    np.testing.assert_allclose(diary.after, diary.before - rates, rtol=1e-5)
    steps_back = np.concatenate([[0], np.cumsum(1 - rates)[:-1]])
    np.testing.assert_allclose(diary.before, start + steps_back, rtol=1e-5)


@pytest.mark.slow
def test_an_invariant_start_is_made_before_the_optimizer_and_a_restore(tmp_path):
    plain, invariant = new_loop(), new_loop(invariant_start=True)
    w, averaged = (loop.network.layers[0].w for loop in (plain, invariant))
    average_over_rotations(plain.network, (4, 4, 1))
    np.testing.assert_array_equal(averaged, w)
    saved = plain.checkpoint.save(str(tmp_path / "ckpt"))
    plain.network.layers[0].w.assign_add(tf.ones_like(w))
    restored = new_loop(invariant_start=True)
    restored.checkpoint.restore(saved).assert_consumed()
    np.testing.assert_array_equal(restored.network.layers[0].w, averaged)


@pytest.mark.slow
def test_another_seed_gives_other_weights(straight):
    other = new_loop(seed=1, dropout=0.4)
    weights = zip(other.network.trainable_variables, straight[1][0], strict=False)
    assert not all(np.array_equal(ours, theirs) for ours, theirs in weights)


@pytest.mark.slow
def test_reports(straight, monkeypatch):
    """Running means, the last of which are the epoch's."""
    loop, states, metrics, _ = straight
    put_back(loop, states[0])
    monkeypatch.setattr(loop, "_call_steps", 2)
    monkeypatch.setattr(loop, "_adapt", lambda *_: None)
    reports = []
    loop.run_epoch(lambda *report: reports.append(report))
    assert [done for done, _, _ in reports] == [2, 4, 5]
    assert reports[-1][1:] == metrics[0]
    assert all(0 <= accuracy <= 1 and loss > 0 for _, loss, accuracy in reports)


def test_calls_grow_to_the_wanted_time_but_not_at_once():
    loop = new_loop()
    assert loop._call_steps == 1
    loop._adapt(1, 5.0)  # the first call compiles
    assert loop._call_steps == 1
    for expected in (4, 16, 64):
        loop._adapt(loop._call_steps, 1e-6)
        assert loop._call_steps == expected
    loop._adapt(64, 0.4)
    assert loop._call_steps == 32
    loop._adapt(32, 1000.0)
    assert loop._call_steps == 1


class Poison:
    """A step that is plain, but for the loss and gradients at one step."""

    def __init__(self):
        self.at, self.count = tf.Variable(0), tf.Variable(0)
        self.loss, self.gradient = tf.Variable(0.0), tf.Variable(0.0)

    def __call__(self, network, objective, images, labels, draw):
        loss, logits, gradients, _ = steps.plain(network, objective, images, labels, draw)
        self.count.assign_add(1)
        now = tf.equal(self.count, self.at)
        gradients = [tf.where(now, g + self.gradient, g) for g in gradients]
        return steps.Outcome(tf.where(now, self.loss, loss), logits, gradients)


@pytest.fixture(scope="module")
def poisoned_loop():
    poison = Poison()
    loop = new_loop(step=poison)
    loop._adapt = lambda count, seconds: setattr(loop, "_call_steps", 100)  # an epoch in one call
    start = state(loop)

    def prepare(at: int, loss: float, gradient: float = 0.0) -> tuple[Loop, Poison]:
        put_back(loop, start)
        for variable, value in zip(
            (poison.at, poison.count, poison.loss, poison.gradient),
            (at, 0, loss, gradient),
            strict=True,
        ):
            variable.assign(value)
        return loop, poison

    return prepare


@pytest.mark.slow
@pytest.mark.parametrize(("at", "loss"), [(1, np.nan), (4, np.inf), (5, -np.inf), (9, np.nan)])
def test_a_loss_that_is_not_finite_stops_at_that_step(poisoned_loop, at, loss):
    loop, poison = poisoned_loop(at, loss)
    with pytest.raises(FloatingPointError, match=f"^the loss is not finite at step {at}$"):
        for _ in range(EPOCHS):
            loop.run_epoch()
    assert int(loop.step) == int(poison.count) == at


@pytest.mark.slow
def test_a_large_loss_does_not_stop(poisoned_loop):
    loop, _ = poisoned_loop(3, 1e30)
    assert loop.run_epoch().loss == pytest.approx(1e30 / 5)


@pytest.mark.slow
@pytest.mark.parametrize("at", [5, 10])
def test_weights_that_the_last_step_ruined_are_not_called_good(poisoned_loop, at):
    """No loss of the epoch tells, but a checkpoint would keep them."""
    loop, _ = poisoned_loop(at, 1.0, gradient=np.inf)
    with pytest.raises(FloatingPointError, match=f"^a weight is not finite after step {at}$"):
        for _ in range(EPOCHS):
            loop.run_epoch()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 46}, r"batch_size must be in 1 \.\. 45 \(the training images\), got 46"),
        ({"batch_size": 0}, r"batch_size must be an integer >= 1, got 0"),
        ({"schedule": "steps"}, r"schedule must be one of \['constant', .*\], got 'steps'"),
        ({"optimizer": "lion"}, r"optimizer must be one of \['adam', .*\], got 'lion'"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        new_loop(**settings)


def test_scale():
    scaled = scale(tf.constant([[0, 51, 255]], tf.uint8))
    assert scaled.dtype == tf.float32
    np.testing.assert_allclose(scaled, [[0, 0.2, 1]], rtol=1e-7)
