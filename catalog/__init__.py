"""The film catalogue: what is stored, who may do what, and what people see."""
