"""Convolution with 3 x 3 filters and stride 1 after Winograd: 16 multiplications where the formula has 36.

Along one axis, two neighbouring outputs y made of three weights w and four inputs d are, as multiplying out shows,

    y = Aᵀ [(G w) * (Bᵀ d)]        Bᵀ d = (d₀ − d₂, d₁ + d₂, d₂ − d₁, d₁ − d₃)
                                   G w  = (w₀, (w₀ + w₁ + w₂) / 2, (w₀ − w₁ + w₂) / 2, w₂)
                                   Aᵀ m = (m₀ + m₁ + m₂, m₁ − m₂ − m₃)

with four multiplications instead of six. Along both axes a tile of 2 x 2 outputs is Aᵀ [(G w Gᵀ) * (Bᵀ d B)] A, and
the sum over the channels inside the brackets makes of each of the 16 places a matrix product, (tiles, channels) by
(channels, filters). Every step is linear in w, so the gradient of the weights is the same steps turned around:
Gᵀ [(Bᵀ d B) * (A g Aᵀ)] G, summed over all tiles.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016). An infinite number or NaN would spread over
its tile, where the formula has it only in the windows that see it: the functions return None then, and the caller takes
the direct way.
"""

import numpy as np

from tinymm.kernels import threads
from tinymm.kernels.jit import REASSOCIATE, kernel
from tinymm.kernels.memory import aligned, scratch, will_read, will_write
from tinymm.kernels.tile import ROWS, TILE_BYTES, tile_by_strides, width
from tinymm.kernels.transpose import deinterleave, interleave

PLACES = 16  # of a tile of 4 x 4 inputs
TILES = 64  # at a time: what belongs to them stays in the second-level cache
LEAST = 64  # channels and filters: with fewer the detour does not pay
SHARD = 500_000  # multiply-adds worth handing to a thread
Pair = tuple[int, int]


def suits(weight_shape: tuple[int, ...], stride: Pair, padding: Pair, dilation: Pair, groups: int) -> bool:
    """Whether a convolution is one of those, and large enough to gain."""
    filters, channels, *kernel = weight_shape
    plain = kernel == [3, 3] and stride == dilation == (1, 1) and groups == 1 and max(padding) <= 2
    return plain and min(filters, channels) >= LEAST


def conv2d(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, padding: Pair) -> np.ndarray | None:
    """y[n, o, i, j] = bias[o] + the sum over c, u, v of weight[o, c, u, v] x[n, c, i + u − p, j + v − p], or None."""
    filters, channels = weight.shape[:2]
    y = np.empty((len(x), filters, *(x.shape[2 + i] + 2 * padding[i] - 2 for i in (0, 1))), x.dtype)
    columns = width(x.dtype)
    panels = -(-filters // columns)
    taps = np.zeros((channels, 9, panels * columns), x.dtype)
    taps[..., :filters] = weight.reshape(filters, channels, 9).transpose(1, 2, 0)
    transformed = aligned((panels, PLACES, channels, columns), x.dtype)
    threads.run(_transform_filters, channels, taps, transformed, grain=max(1, 4096 // filters))
    biases = np.zeros(panels * columns, x.dtype)
    if bias is not None:
        biases[:filters] = bias
    finite = np.ones(len(x), np.bool_)
    work = weight.size * y[0, 0].size if y.size else 1
    threads.run(
        _convolve, len(x) if y.size else 0, x, padding, transformed, biases, y, finite, grain=max(1, SHARD // work)
    )
    return y if finite.all() else None


def input_gradient(g: np.ndarray, weight: np.ndarray, padding: Pair) -> np.ndarray | None:
    """The gradient of x, given that of y: a convolution with the filters turned around, as seen from the input; or None."""
    turned = weight[:, :, ::-1, ::-1].swapaxes(0, 1)
    return conv2d(g, turned, None, (2 - padding[0], 2 - padding[1]))


def weight_gradient(x: np.ndarray, g: np.ndarray, padding: Pair) -> np.ndarray | None:
    """The gradient of the weights (O, C, 3, 3), or None."""
    channels, filters, columns = x.shape[1], g.shape[1], width(x.dtype)
    shape = 9, -(-channels // ROWS) * ROWS, -(-filters // columns) * columns
    total = threads.run_sum(
        _sum_products, len(x) if g.size else 0, shape, x.dtype, x, padding, g,
        grain=max(1, SHARD // max(1, 9 * channels * g[:1].size)),
    )  # fmt: skip
    found = total[:, :channels, :filters].transpose(2, 1, 0).reshape(filters, channels, 3, 3)
    return found if np.isfinite(np.sum(found)) else None


@kernel(borrows=True)
def _add(a, b, out):
    for i in range(out.size):
        out[i] = a[i] + b[i]


@kernel(borrows=True)
def _subtract(a, b, out):
    for i in range(out.size):
        out[i] = a[i] - b[i]


@kernel(borrows=True)
def _apply_filter(w0, w1, w2, u0, u1, u2, u3):
    """u = G w."""
    half = w0.dtype.type(0.5)
    for i in range(w0.size):
        outer, inner = half * (w0[i] + w2[i]), half * w1[i]
        u1[i] = outer + inner
        u2[i] = outer - inner
    for i in range(w0.size):
        u0[i] = w0[i]
    for i in range(w0.size):
        u3[i] = w2[i]


@kernel
def _transform_filters(start, stop, taps, transformed):
    """transformed[panel, place, c] = (G w Gᵀ)[place] of channels start to stop, filters side by side."""
    panels, _, _, columns = transformed.shape
    u = scratch(12, columns, taps)  # G w
    for c in range(start, stop):
        for panel in range(panels):
            w, out = taps[c, :, panel * columns : (panel + 1) * columns], transformed[panel, :, c]
            for k in range(3):
                _apply_filter(w[k], w[3 + k], w[6 + k], u[k], u[3 + k], u[6 + k], u[9 + k])
            for k in range(4):
                four = out[4 * k : 4 * k + 4]
                _apply_filter(u[3 * k], u[3 * k + 1], u[3 * k + 2], four[0], four[1], four[2], four[3])


@kernel(borrows=True)
def _turn(x, padding, image):
    """image[i + p, (j + p) % 2, (j + p) // 2, c] = x[c, i, j]: channels side by side, even and odd columns apart."""
    half = padding[1] // 2
    for i in range(x.shape[1]):
        even, odd = image[i + padding[0], 0], image[i + padding[0], 1]
        if padding[1] % 2:
            deinterleave(x[:, i], odd[half:], even[half + 1 :])
        else:
            deinterleave(x[:, i], even[half:], odd[half:])


@kernel(borrows=True)
def _transform_inputs(image, tile_row, rows, lines, v):
    """v[place, tile] = (Bᵀ d B)[place], all channels side by side, for some rows of tiles."""
    _, _, half, channels = image.shape
    across = half - 1
    for i in range(rows):
        d = image[2 * (tile_row + i) :]
        d0, d1, d2, d3 = d[0].reshape(-1), d[1].reshape(-1), d[2].reshape(-1), d[3].reshape(-1)
        _subtract(d0, d2, lines[0])
        _add(d1, d2, lines[1])
        _subtract(d2, d1, lines[2])
        _subtract(d1, d3, lines[3])
        size, at = across * channels, i * across
        for k in range(4):
            even, odd = (
                lines[k, : half * channels],
                lines[k, half * channels :],
            )  # d₀ d₂, d₁ d₃ of one tile after another
            out = v[4 * k : 4 * k + 4]
            _subtract(even[:size], even[channels:], out[0, at : at + across].reshape(-1))
            _add(odd[:size], even[channels:], out[1, at : at + across].reshape(-1))
            _subtract(even[channels:], odd[:size], out[2, at : at + across].reshape(-1))
            _subtract(odd[:size], odd[channels:], out[3, at : at + across].reshape(-1))


@kernel(borrows=True)
def _apply_a(m0, m1, m2, m3):
    """(m₀, m₁) ← Aᵀ m."""
    m0, m1, m2, m3 = m0.reshape(-1), m1.reshape(-1), m2.reshape(-1), m3.reshape(-1)
    for i in range(m0.size):
        one, two = m1[i], m2[i]
        m0[i] = m0[i] + one + two
        m1[i] = one - two - m3[i]


@kernel(fastmath=REASSOCIATE, borrows=True)
def _add_bias(outputs, bias):
    """outputs (tiles, filters) += bias; returns whether all are finite."""
    total = outputs.dtype.type(0)
    for tile in range(len(outputs)):
        row = outputs[tile]
        for f in range(bias.size):
            row[f] += bias[f]
            total += row[f] * outputs.dtype.type(0)  # NaN if one is infinite or NaN
    return total == 0


@kernel
def _convolve(start, stop, x, padding, transformed, bias, y, finite):
    """Images start to stop. `finite` tells of each whether its output is."""
    panels, _, channels, columns = transformed.shape
    filters, height, width = y.shape[1:]
    tile_rows, across = (height + 1) // 2, (width + 1) // 2
    at_once = max(1, min(TILES // across, tile_rows))
    tiles = at_once * across
    image = scratch((2 * tile_rows + 2) * 2 * (across + 1), channels, x)
    image[:] = 0
    image = image.reshape((2 * tile_rows + 2, 2, across + 1, channels))
    lines = scratch(4, 2 * (across + 1) * channels, x)
    v = scratch(PLACES * tiles, channels, x)
    m = scratch(PLACES * tiles + ROWS, columns, x)
    for n in range(start, stop):
        _turn(x[n], padding, image)
        if n + 1 < stop:
            will_read(x[n + 1].reshape(-1))
        for tile_row in range(0, tile_rows, at_once):
            rows = min(tile_rows - tile_row, at_once)
            some = rows * across
            _transform_inputs(image, tile_row, rows, lines, v.reshape((PLACES, tiles, channels)))
            for panel in range(panels):
                first = panel * columns
                for f in range(first, min(first + columns, filters)):
                    will_write(y[n, f, 2 * tile_row : 2 * (tile_row + rows)].reshape(-1))
                for place in range(PLACES):
                    for i in range(0, some, ROWS):
                        tile_by_strides(
                            v, (place * tiles + i) * channels, channels, 1, min(some - i, ROWS),
                            transformed, (panel * PLACES + place) * channels * columns, columns, channels,
                            m, (place * tiles + i) * columns, columns, False,
                        )  # fmt: skip
                places = m[: PLACES * tiles].reshape((PLACES, tiles, columns))
                for k in range(4):
                    _apply_a(places[k, :some], places[4 + k, :some], places[8 + k, :some], places[12 + k, :some])
                some_filters = min(filters - first, columns)
                for side in range(2):
                    four = places[4 * side : 4 * side + 4]
                    _apply_a(four[0, :some], four[1, :some], four[2, :some], four[3, :some])
                    for k in range(2):
                        finite[n] &= _add_bias(four[k, :some], bias[first : first + columns])
                    for i in range((min(height - 2 * tile_row, 2 * rows) + 1 - side) // 2):
                        left, right = four[0, i * across :, :some_filters], four[1, i * across :, :some_filters]
                        interleave(left, right, y[n, first : first + some_filters, 2 * (tile_row + i) + side])


@kernel(borrows=True)
def _spread(e0, e1, q0, q1, q2, q3):
    """q = A e."""
    for i in range(q0.size):
        q0[i] = e0[i]
    _add(e0, e1, q1)
    _subtract(e0, e1, q2)
    for i in range(q3.size):
        q3[i] = -e1[i]


@kernel(borrows=True)
def _apply_g(s0, s1, s2, s3):
    """(s₀, s₁, s₂) ← Gᵀ s."""
    half = s0.dtype.type(0.5)
    for i in range(s0.size):
        outer, inner = half * (s1[i] + s2[i]), half * (s1[i] - s2[i])
        s0[i] += outer
        s1[i] = inner
        s2[i] = outer + s3[i]


@kernel(borrows=True)
def _gather(g, tile_row, rows, across, e):
    """e[2 a + b, tile, lane] = g[lane, 2 i + a, 2 j + b], 0 beyond the edges."""
    filters, height, width = g.shape
    for side in range(2):
        left, right = e[2 * side], e[2 * side + 1]
        for i in range(rows):
            at = i * across
            if 2 * (tile_row + i) + side < height:
                deinterleave(g[:, 2 * (tile_row + i) + side], left[at:, :filters], right[at:, :filters])
                if width % 2:
                    right[at + across - 1] = 0
            else:
                left[at : at + across] = 0
                right[at : at + across] = 0


@kernel
def _sum_products(start, stop, total, x, padding, g):
    """total[tap, c, o] += Gᵀ S G, with S[place] the sum of (Bᵀ d B)[place] (A g Aᵀ)[place]ᵀ over all tiles."""
    _, height_of_total, width_of_total = total.shape
    channels, (filters, height, width) = x.shape[1], g.shape[1:]
    columns = TILE_BYTES // x.itemsize
    tile_rows, across = (height + 1) // 2, (width + 1) // 2
    at_once = max(1, min(TILES // across, tile_rows))
    tiles = at_once * across
    image = scratch((2 * tile_rows + 2) * 2 * (across + 1), channels, x)
    image[:] = 0
    image = image.reshape((2 * tile_rows + 2, 2, across + 1, channels))
    lines = scratch(4, 2 * (across + 1) * channels, x)
    v = scratch(PLACES * tiles, channels, x)
    e = scratch(4, tiles * columns, x)
    e[:] = 0
    half = scratch(4 * 2, tiles * columns, x)  # A g
    q = scratch(PLACES, tiles * columns, x)
    size = height_of_total * width_of_total
    s = scratch(PLACES, size, x)
    s[:] = 0
    for n in range(start, stop):
        _turn(x[n], padding, image)
        if n + 1 < stop:
            will_read(x[n + 1].reshape(-1))
            will_read(g[n + 1].reshape(-1))
        for tile_row in range(0, tile_rows, at_once):
            rows = min(tile_rows - tile_row, at_once)
            some = rows * across
            _transform_inputs(image, tile_row, rows, lines, v.reshape((PLACES, tiles, channels)))
            for o in range(0, filters, columns):
                _gather(g[n, o : o + columns], tile_row, rows, across, e.reshape((4, tiles, columns)))
                part = some * columns
                for b in range(2):
                    _spread(e[b, :part], e[2 + b, :part], half[b, :part], half[2 + b, :part], half[4 + b, :part],
                            half[6 + b, :part])  # fmt: skip
                for a in range(4):
                    _spread(half[2 * a, :part], half[2 * a + 1, :part], q[4 * a, :part], q[4 * a + 1, :part],
                            q[4 * a + 2, :part], q[4 * a + 3, :part])  # fmt: skip
                for place in range(PLACES):
                    for c in range(0, channels, ROWS):
                        tile_by_strides(
                            v, place * tiles * channels + c, 1, channels, min(channels - c, ROWS),
                            q, place * tiles * columns, columns, some,
                            s, place * size + c * width_of_total + o, width_of_total, True,
                        )  # fmt: skip
    for k in range(4):
        _apply_g(s[k], s[4 + k], s[8 + k], s[12 + k])
    for u in range(3):
        _apply_g(s[4 * u], s[4 * u + 1], s[4 * u + 2], s[4 * u + 3])
        for v_tap in range(3):
            taps = total[3 * u + v_tap].reshape(-1)
            _add(taps, s[4 * u + v_tap], taps)
