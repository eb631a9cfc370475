"""Extractors: from an image to a vector.

Other packages may use `runtime` (`load_extractor`, `Extractor`), `registry` (spec strings and fingerprints),
`weights` (finding and downloading them), `litert`, `errors` and `export_cache.manifest_path`. Keras and
TF-Hub models are converted once by `export`, in a subprocess.
"""
