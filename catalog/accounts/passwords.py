"""A password validator that refuses the product's name."""

from __future__ import annotations

from django.core.exceptions import ValidationError

NAME = "postersite"
LOOKALIKES = str.maketrans("0134578@$!", "oieastbasi")


class ProductNameValidator:
    """Refuses passwords that contain the product's name, also spelled like "P0stersite-2026!"."""

    def validate(self, password: str, user: object = None) -> None:
        if NAME in "".join(filter(str.isalpha, password.lower().translate(LOOKALIKES))):
            raise ValidationError(self.get_help_text(), code="password_product_name")

    def get_help_text(self) -> str:
        return "Your password can’t contain the name of this software."
