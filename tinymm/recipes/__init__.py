"""Recipes: which data, which model, what stands between the two, and how it is trained.

`Recipe` says it, `load_data` opens and cleans, `cut` keeps some for the test, `train_model` trains one model.

    recipe ─ load_data ─ cut ─ train_model: front end, model ─ Trained
"""

from tinymm.recipes.front_end import FrontEnd, Inputs
from tinymm.recipes.loading import Loaded, Parts, cut, load_data
from tinymm.recipes.models import MODELS, Choice
from tinymm.recipes.recipe import OPTIMIZERS, RECIPES, SCHEDULES, SPLITS, Recipe
from tinymm.recipes.training import Trained, train_model

__all__ = [
    *("MODELS", "OPTIMIZERS", "RECIPES", "SCHEDULES", "SPLITS"),
    *("Choice", "FrontEnd", "Inputs", "Loaded", "Parts", "Recipe", "Trained"),
    *("cut", "load_data", "train_model"),
]
