"""The colours of each genre."""

from dataclasses import dataclass

from catalog.sample.drawing.canvas import Colour


@dataclass(frozen=True)
class Palette:
    """The colours of one poster by their part in it: sky from ``top`` to ``low``, layers from ``far`` to
    ``near``, the ``accent`` of the main thing, the ``glow`` of lights, and the ``ink`` of the title.
    """

    top: Colour
    low: Colour
    far: Colour
    mid: Colour
    near: Colour
    accent: Colour
    glow: Colour
    ink: Colour


def _palette(text: str) -> Palette:
    colours = [(int(c[0:2], 16), int(c[2:4], 16), int(c[4:6], 16)) for c in text.split()]
    return Palette(*colours)


_TABLE = {
    #               top    low    far    mid    near   accent glow   ink
    "Action": (
        "1a0d0a d9531e 9c3212 571a0c 120806 ffb020 ffe08a fff1d6",
        "0c1016 e07a1f 8a4a1c 3a2519 0b0a0a ff5a1f ffd27a ffe9c7",
        "2b0b0b f0a020 b0481a 5c1f10 150706 ffe14a fff3b8 fff6dc",
    ),
    "Adventure": (
        "1f6f78 f6d58e 7fae8f 3d7a63 17392f e98a2b fff0b8 fff3cf",
        "2a4d8f f9c784 9a8fb0 5b5a86 232b4d f2a03d ffe9b0 fff2d0",
        "0f5257 f2e3b3 6fa58a 2c6b57 0e2f2b d9622b ffe7a3 fdf0c8",
    ),
    "Animation": (
        "3ec6ff b8f3ff 7de38d 3fc06a 1f7a58 ff6f91 fff59d ffffff",
        "ff8fd0 ffe9a8 b58bff 7a5cf0 3d2f9e ffcf3f ffffff ffffff",
        "5b7cff a8f0e8 5fe0c0 2fb5a5 125f78 ff9f43 fff3b0 ffffff",
    ),
    "Children": (
        "8fd8f5 fff3c4 a9dd8b 6cbf5f 3b8a4e f2603f fff7b2 d6403a",
        "ffd36b fff4d8 9fdcc0 5fbfa8 2f8078 e8557a ffffff c23b5e",
        "a7e3d4 fdf6d0 f7c873 e99a4f 9a5a3a 3f8fd0 fffbe0 2b5f9e",
    ),
    "Comedy": (
        "ffd400 ffe34d ff8a3c f2542d 20263f e8243c ffffff 20263f",
        "ff5fa2 ff86b9 ffd23f 3ec1d3 2a1a4a ffe600 ffffff ffffff",
        "19c3b2 5fe0cf ffd166 ef476f 14314a ff9f1c ffffff fffbe6",
        "ff7a2f ffa45c ffe066 2ec4b6 2b1b3d fff3d6 ffffff ffffff",
    ),
    "Crime": (
        "14181f 3d4654 2c3440 1d232c 090b0f d31f2b f2e6c8 f4ead5",
        "1c1a17 6b5a35 403722 2a2417 0c0b09 e2b53a ffe9a8 f6e6b4",
        "10151b 2f4a4a 24393a 172627 080c0d e33b2e f6eecf f7f1de",
    ),
    "Documentary": (
        "e9ebe8 f8f8f5 c4cac8 8d9796 3c4546 2f7f8f ffffff 20282a",
        "f0ece2 fbf9f3 cfc6b2 9a907c 4a4438 b8573a ffffff 2a2620",
        "dfe8ec f6fafb b4c7cf 7f98a3 364852 3a6f57 ffffff 1d2a30",
    ),
    "Drama": (
        "8a9299 cfc9bc 8b8b86 62645f 2d2f30 9c5b43 f3ead8 f7f2e6",
        "5f6b6a c9b79c 8a8372 5d5a4f 2a2a27 b98a4a f5e6c9 faf3e2",
        "a9a29a e2d8c8 a59c8f 716a62 36322f 5c6f7a faf2e2 332e2b",
        "3f4a52 a9a49a 6d7074 484e53 1f2427 c8a165 f0e4cb f5efe0",
    ),
    "Fantasy": (
        "22104a 8a3f9e 5f2f86 3a1c63 150a2e ffc94d ffeeb0 ffe6a0",
        "0b2b45 3fa49a 1f7480 12495e 07202f e8d26a e8fff0 f4efb8",
        "2a0f3f d0628a 85376f 4e1f52 1b0a24 7fe8d8 fff0d8 ffeccc",
    ),
    "Film-Noir": (
        "0d0d0d 5a5a5a 3a3a3a 222222 060606 c9c9c9 f4f4f4 f2f2f2",
        "1a1a1a 8a8a8a 585858 303030 0a0a0a e4e4e4 ffffff ffffff",
        "050505 3c3c3c 2a2a2a 171717 020202 b0b0b0 ececec e9e9e9",
    ),
    "Horror": (
        "050506 2c0508 1c0a0c 120607 020202 c1121f e84a3a d7263d",
        "030608 12251c 0f1a16 0a110e 010302 a4121c b9d8a0 d8ddc8",
        "070307 3b0a12 24080e 150509 030103 e01b24 f0b090 f1e6dc",
    ),
    "Musical": (
        "4a0d52 c2185b 8e1a6a 5a1158 22062c ffd54a fff3c0 ffe89a",
        "12184f 7a2fc0 4b2aa0 2a1c74 0d0b33 ff4fa0 ffe0f4 ffe9b8",
        "7a0c24 d8343f a01f34 6a1128 2a050f ffcf5a fff2c8 fff0c0",
    ),
    "Mystery": (
        "0c1f2a 2f6a6a 1d4a50 123038 06141a e0b04a ffe7a0 f0d890",
        "161434 4a4a86 2f2f60 1f1f45 0a0a1f d8c060 fff0b0 ece0b0",
        "13211a 4d6b45 31492f 20321f 0a130c e8a63a ffe3a3 f3e2b3",
    ),
    "Romance": (
        "f7a7b0 fde3cf ee8a96 d9606f 8a2a44 d7263d fff4e4 a01f42",
        "e87a8f ffd9b8 d65f7d b03f66 5e1c42 fff0d8 fff6e8 fff4ec",
        "f4b8c4 fff0e6 e79aa8 cf6f86 7f2f4f c23a55 ffffff 8f2448",
        "c9577e ffc2a1 a83f6d 7a2a5c 3f1239 ffe3b8 fff0dc fff1e2",
    ),
    "Sci-Fi": (
        "03081f 123a7a 0f2a5c 0a1c44 040a1c 37d0ff bff3ff d8f6ff",
        "050414 2a1a6a 1d1450 120d36 05041a ff3fb0 9fe8ff e6f2ff",
        "02121c 0c5a6e 0a4254 072c3c 031420 7affd8 d8fff4 e0fff8",
    ),
    "Thriller": (
        "071b22 1f6a72 124952 0c3139 041217 ff5a1f ffd9a0 f4f7f2",
        "0a0f1c 3a5a86 223c60 14253f 060a14 f03a2e f0e8d0 f5f2ea",
        "e03a24 c02a1c 9a1f18 5a120f 100505 f6ead2 fff4dc f8ecd4",
        "0b1418 57706a 33484a 1e2d30 070d10 e8d038 fff6b0 f3eec8",
    ),
    "War": (
        "4f5a45 b8a878 747450 4c5138 1b1f16 b5402a ffe0a0 f2e8c8",
        "5b5142 c9a070 84714f 574b35 1f1a13 d2602c ffdf9a f6e9c9",
        "39464d 8f9a8a 5f6d66 3f4b47 151b1b c8503a f7e2b0 efe9d2",
    ),
    "Western": (
        "e39a3c f8d98c c4682f 8a3f1f 2c130c c8321e fff0b8 5a1d0e",
        "c9532a f6bd60 a8421f 6f2a18 260f0a ffe08a fff0c0 fff0cc",
        "6fa8a8 f5d08a d0803f 9a4f28 3a1b10 a82c1a fff3c8 5c1f12",
    ),
}

PALETTES: dict[str, tuple[Palette, ...]] = {
    genre: tuple(_palette(line) for line in lines) for genre, lines in _TABLE.items()
}
