"""One small recurrent cell over the rows of an image."""

import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._initializers import Orthogonal
from weirdonetworks._module import Module
from weirdonetworks._once import Linear, once
from weirdonetworks.layers.dropout import Dropout


class RowRecurrent(Module):
    """An image read row by row, from above: [batch, H, W(, C)] -> [batch, num_classes].

        s_t = W x_t + U h_{t-1},   z_t = sigma(s_t + b_z),   c_t = tanh(s_t + b_c),
        h_t = (zeta (1 - z_t) + nu) * c_t + z_t * h_{t-1},   h_0 = 0,   logits = V h_T + v,

    with one W and one U for the gate z and the candidate c, and two numbers zeta, nu in (0, 1),
    sigmoids of what is trained. A step reads `rows` rows at once, which must divide the height.
    With `rank`, W = W_2 W_1 and U = U_2 U_1 through so many numbers: a larger state for as many.
    With `columns`, the same cell reads the columns as well, from the left, and the logits see both
    last states: each pixel is read twice, by no more numbers but those of the head.

    Initialisation: W ~ 1 / sqrt(in), U orthogonal (as U_2 and U_1 are), b_z = b_c = 1, zeta = 0.73,
    nu = 0.02.

    Source: Kusupati et al. 2018, "FastGRNN"; the start of biases, zeta and nu is theirs.
    """

    def __init__(
        self,
        num_classes: int = 10,
        size: int = 32,
        rows: int = 1,
        rank: int | None = None,
        columns: bool = False,
        dropout: float = 0.0,
        name: str | None = None,
    ):
        """Raises ValueError for sizes or a rank that are not integers >= 1, columns that are not a
        bool, or a dropout rate outside [0, 1); at the first call, for rows that do not divide the
        height, and for columns of images that are not square."""
        super().__init__(name=name)
        self.num_classes = _checks.integer("num_classes", num_classes)
        self.size = _checks.integer("size", size)
        self.rows = _checks.integer("rows", rows)
        self.rank = None if rank is None else _checks.integer("rank", rank)
        self.columns = _checks.flag("columns", columns)
        self.w = Linear(self.size, with_bias=False, name="w")
        self.u = Linear(self.size, False, Orthogonal(), name="u")
        if self.rank is not None:
            self.w_low = Linear(self.rank, with_bias=False, name="w_low")
            self.u_low = Linear(self.rank, False, Orthogonal(), name="u_low")
        self.dropout = Dropout(_checks.rate("dropout", dropout))
        self.head = Linear(self.num_classes, name="head")
        self.image_shape = None

    @once
    def _initialize(self, images: tf.Tensor):
        self.image_shape, self.input_dtype = tuple(images.shape[1:]), images.dtype
        ones = tf.ones([self.size], images.dtype)
        self.b_gate = tf.Variable(ones, name="b_gate")
        self.b_candidate = tf.Variable(ones, name="b_candidate")
        self.zeta = tf.Variable(tf.constant(1.0, images.dtype), name="zeta")
        self.nu = tf.Variable(tf.constant(-4.0, images.dtype), name="nu")

    def __call__(self, images: tf.Tensor, is_training: bool = False) -> tf.Tensor:
        images = _tensor_checks.same_images(self, images)
        height, width, channels = images.shape[1:]
        if height % self.rows:
            fitting = [d for d in range(1, height + 1) if height % d == 0]
            raise ValueError(
                f"rows must divide the height of the images, {height}: one of {fitting}, "
                f"got {self.rows}"
            )
        if self.columns and height != width:
            raise ValueError(
                f"columns are read by the cell of the rows: images must be square, got "
                f"{height} x {width}"
            )
        self._initialize(images)
        if self.columns:
            images = tf.concat([images, tf.transpose(images, [0, 2, 1, 3])], axis=0)
        steps = height // self.rows
        x = tf.reshape(images, [-1, self.rows * width * channels])
        x = self.w(x if self.rank is None else self.w_low(x))
        x = tf.transpose(tf.reshape(x, [-1, steps, self.size]), [1, 0, 2])
        zeta, nu = tf.sigmoid(self.zeta), tf.sigmoid(self.nu)

        def cell(s: tf.Tensor, h: tf.Tensor) -> tf.Tensor:
            s += self.u(h if self.rank is None else self.u_low(h))
            z = tf.sigmoid(s + self.b_gate)
            return (zeta * (1 - z) + nu) * tf.tanh(s + self.b_candidate) + z * h

        # The first step makes U, which a loop must not. Written out, XLA would compute parts of all
        # earlier states again in each step, and compile for many times as long; but ONNX takes no
        # such loop.
        h = cell(x[0], tf.zeros_like(x[0]))
        if is_training and steps > 1:
            _, h = tf.while_loop(
                lambda i, _: i < steps,
                lambda i, h: (i + 1, cell(x[i], h)),
                (tf.constant(1), h),
                maximum_iterations=steps - 1,
            )
        else:
            for s in tf.unstack(x)[1:]:
                h = cell(s, h)
        if self.columns:
            h = tf.concat(tf.split(h, 2), axis=-1)
        return self.head(self.dropout(h, is_training))
