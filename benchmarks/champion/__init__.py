"""Benchmarks of the champion in use; each is run by itself, as `python -m benchmarks.champion.NAME`.

module      | what it measures
exports     | do exports answer as their network does, how large and how fast are they?
face_crops  | which margin of a crop looks as the training images do?
face_scenes | how many faces of generated scenes are found, and how many are false?
fer_package | how do the package fer and the champion compare on the same photos?
serve       | how fast is `emotion serve`, beside `mlflow models serve`?
serve_load  | one load of requests, of which `serve` measures several
"""
