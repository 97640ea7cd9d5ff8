"""What somebody who reports a contact says."""

from django import forms
from django.utils.translation import gettext_lazy as _

from spamreports.models import SpamReport
from spamreports.reporting import LONGEST_COMMENT


class ReportForm(forms.Form):
    """Why, and a comment for colleagues."""

    reason = forms.ChoiceField(
        choices=SpamReport.Reason.choices,
        widget=forms.RadioSelect,
        label=_("Why"),
        error_messages={"required": _("Choose why you report this contact.")},
    )
    comment = forms.CharField(
        required=False, max_length=LONGEST_COMMENT, label=_("Comment"), widget=forms.Textarea(attrs={"rows": 3})
    )
