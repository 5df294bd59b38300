"""How time and memory of checking a data set grow with its images, up to a million of them.

module   | what it does
ingest   | runs `emotion ingest` on growing data sets, with and without Dask, and prints a row for each stage
pictures | draws as many different faces as one wants, fast, as a Parquet file
"""
