"""Time and memory of checking a data set; each is run by itself, as `python -m benchmarks.ingest.NAME`.

module     | what it does
one_source | runs `emotion ingest` on one source several times
growth     | runs it on growing data sets, up to a million images, with and without Dask: a row for each stage
pictures   | draws as many different faces as one wants, fast, as a Parquet file
"""
