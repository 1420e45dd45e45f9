"""The kinds of model. Imports nothing heavy, so that the command line can use it."""

from typing import Literal

ModelKind = Literal["user_rbm", "item_rbm", "joint_rbm"]
