"""A picture with sliders where a kernel and ipywidgets are at hand, and a still one where they are not."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

STILL = "TINYMM_LESSONS_STILL"  # in the environment: no sliders, as on a page or on paper


def explore(draw: Callable[..., Any], **sliders: tuple[float, float, float]) -> None:
    """Call `draw` with a slider for each argument: name=(lowest, highest, first); whole numbers stay whole.

    Without ipywidgets, outside a notebook, or with TINYMM_LESSONS_STILL set, `draw` is called once, with the first
    values. Raises ValueError for a first value outside its slider.
    """
    for name, (low, high, first) in sliders.items():
        if not low <= first <= high:
            raise ValueError(f"explore: {name} begins at {first}, outside of {low} … {high}")
    if os.environ.get(STILL) or not _in_notebook():
        draw(**{name: first for name, (_, _, first) in sliders.items()})
        return
    try:
        import ipywidgets
    except ImportError:
        print('For sliders: pip install "tinymm[lessons]"')
        draw(**{name: first for name, (_, _, first) in sliders.items()})
        return

    def slider(low: float, high: float, first: float) -> Any:
        whole = all(isinstance(value, int) for value in (low, high, first))
        kind = ipywidgets.IntSlider if whole else ipywidgets.FloatSlider
        step = 1 if whole else (high - low) / 100
        return kind(value=first, min=low, max=high, step=step, continuous_update=False)

    def redraw(**values: Any) -> None:
        draw(**values)  # what it returns, such as Axes, is not shown

    ipywidgets.interact(redraw, **{name: slider(*limits) for name, limits in sliders.items()})


def _in_notebook() -> bool:
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    shell = get_ipython()
    return shell is not None and hasattr(shell, "kernel")
