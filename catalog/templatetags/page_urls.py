"""Links to the same page with another value in the query string."""

from __future__ import annotations

from typing import Any

from django import template

register = template.Library()


@register.simple_tag(takes_context=True)
def query_before(context: dict[str, Any], name: str, *without: str) -> str:
    """The query string with `name` at its end, to be followed by a value: "?q=alien&page=".

    The page's own value of `name` and the parameters in `without` are left out. The value must need no
    encoding. A page with many links needs this once; `querystring` encodes all parameters for each link.
    """
    query = context["request"].GET.copy()
    for each in (name, *without):
        query.pop(each, None)
    return f"?{query.urlencode()}&{name}=" if query else f"?{name}="
