"""The rules that backends' own demands are told by."""

from __future__ import annotations

from planning.findings import Rule, Severity

VALUE_IS_TAKEN = Rule("TU251", Severity.ERROR, "Every parameter has a value that its backend takes")
BACKEND_IS_SERVED = Rule("TU252", Severity.ERROR, "A model's config has what its backend asks for")
FORMAT_IS_READ = Rule("TU253", Severity.ERROR, "Every model file is of the format that its backend reads")
