"""How the `postersite` extractor is trained: one MobileNetV2 for look-alikes and genres, in one pass."""
