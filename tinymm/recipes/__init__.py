"""Recipes: which data, which model, what stands between the two, and how it is trained.

`Recipe` says it, `load_data` opens and cleans, `cut` keeps some for the test, `train_model` trains one model. Each model
belongs to a `Task`, which knows what is predicted, how it is scored and what a report shows of it.

    recipe ─ load_data ─ cut ─ train_model: front end, model ─ Trained
"""

from tinymm.recipes.front_end import FrontEnd, Inputs
from tinymm.recipes.loading import Loaded, Parts, cut, load_data
from tinymm.recipes.models import MODELS, Choice
from tinymm.recipes.recipe import OPTIMIZERS, RECIPES, SCHEDULES, SPLITS, Recipe
from tinymm.recipes.task import Answer, Judged, Task
from tinymm.recipes.training import Trained, train_model

__all__ = [
    *("MODELS", "OPTIMIZERS", "RECIPES", "SCHEDULES", "SPLITS"),
    *("Answer", "Choice", "FrontEnd", "Inputs", "Judged", "Loaded", "Parts", "Recipe", "Task", "Trained"),
    *("cut", "load_data", "train_model"),
]
