"""The task `restore`: an image without its noise, by a model that learnt it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from talanoa.models import folder
from talanoa.restoration.request import RestoreRequest
from talanoa.tasks.folder_input import Doing, register
from talanoa.tasks.image_task import ImageTask

if TYPE_CHECKING:
    from talanoa.core.host import Host
    from talanoa.image.lazy import LazyImage
    from talanoa.models.folder import Model
    from talanoa.models.runtime.frames import ImageWork


def _load(name: str) -> Model:
    """Read a model that restores."""
    model = folder.load(name)
    folder.check_kind(model, "image")
    return model


def _work(image: LazyImage, model: Model, request: RestoreRequest, host: Host) -> ImageWork:
    from talanoa.restoration.predict import Restoration

    return Restoration(image, model, request, host)


RESTORE: ImageTask = ImageTask("restore", "restoration", _load, _work)
run: Any = RESTORE.run
register("restore", Doing(RestoreRequest, RESTORE.load, RESTORE.on_file, "restored"))
