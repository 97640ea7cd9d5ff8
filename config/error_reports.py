"""What an error report may hold: no secret, wherever the error happened."""

from typing import Any

from django.conf import settings
from django.views.debug import SafeExceptionReporterFilter


class WithoutVariables(SafeExceptionReporterFilter):
    """Leaves the values of local variables out: tokens are among them, in our frames and in libraries'.

    While DEBUG is on, they are shown as Django shows them.
    """

    def get_traceback_frame_variables(self, request: Any, tb_frame: Any) -> Any:
        if settings.DEBUG:
            return super().get_traceback_frame_variables(request, tb_frame)
        return []
